//! Markdown to each dialect, escaping, length limits.
