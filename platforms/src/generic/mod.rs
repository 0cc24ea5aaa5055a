//! Platforms of no vendor: webhooks, files, the console.
