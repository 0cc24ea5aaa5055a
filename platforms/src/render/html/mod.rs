//! HTML to plain text and to CommonMark, for platforms that show no HTML.
//!
//! Tolerant like a browser and much simpler: unknown tags vanish and their text stays, scripts and styles vanish whole,
//! a `<` that starts no tag is a `<`.
//!
//! | file | what it does |
//! |---|---|
//! | `token` | HTML to texts and tags |
//! | `entity` | `&amp;` and its like to characters |
//! | `writer` | texts and tags to lines |

mod entity;
mod token;
mod writer;

use writer::{Style, Writer};

/// Plain text: blocks on their own lines, list items with dashes, links as `text (address)`.
pub fn text(html: &str) -> String {
    Writer::new(Style::Plain).run(html)
}

/// CommonMark: bold, italics, struck text, code, headings, lists and links survive; all text is escaped, so that
/// nothing else becomes markup.
pub fn markdown(html: &str) -> String {
    Writer::new(Style::Markdown).run(html)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_becomes_readable_text() {
        let html = "<html><head><title>x</title><style>p{}</style></head><body><h1>Disk&nbsp;full</h1>\n<p>db1 is\n at <b>91&nbsp;%</b>.<br>See \
            <a href=\"https://x.example/?a=1&amp;b=2\">the graph</a>.</p><ul><li>one<li>two</ul><ol><li>first</li><li>second</li></ol>\
            <table><tr><td>a</td><td>b</td></tr></table><script>alert('<p>')</script><pre>  a\n b</pre>end</body></html>";
        let expected = "Disk full\n\ndb1 is at 91 %.\nSee the graph (https://x.example/?a=1&b=2).\n\n- one\n- two\n\n1. first\n2. second\n\na b\n\n  a\n b\n\nend";
        assert_eq!(text(html), expected);
    }

    #[test]
    fn marked_up_html_becomes_escaped_markdown() {
        for (html, expected) in [
            ("<h2>T</h2><p><strong>b</strong> <em>i</em> <del>s</del> <code>a*b</code></p>", "## T\n\n**b** *i* ~~s~~ `a*b`"),
            ("<a href='https://x.example'>t*</a>", r"[t\*](https://x.example)"),
            ("<a href='javascript:alert(1)'>t</a>", "t"),
            ("<pre><code>x &lt; *y*</code></pre>", "```\nx < *y*\n```"),
            ("1 < 2 &amp; # <!-- gone -->*", r"1 \< 2 & \# \*"),
            ("<img alt='graph' src='https://x.example/g.png'>", "graph"),
            ("<blockquote>q</blockquote>", "q"),
        ] {
            assert_eq!(markdown(html), expected, "{html}");
        }
    }

    #[test]
    fn broken_html_loses_no_text() {
        for (html, expected) in [
            ("a <b", "a <b"),
            ("a < b > c", "a < b > c"),
            ("<p title=\"x>y\">z", "z"),
            ("<p title=\"x>z", "z"),
            ("&bogus; &#xZZ; &#65; &#x1F44D; &", "&bogus; &#xZZ; A 👍 &"),
            ("x<script>y", "x"),
            ("<!doctype html><?xml?>x</nothing>", "x"),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    proptest! {
        #[test]
        fn any_input_is_converted(html in "(<|>|/|&|;|\"|[a-z ]|<a href=|<li>|<pre>|</pre>|</a>|<!--|#x|\\PC){0,60}") {
            let _ = text(&html);
            let _ = markdown(&html);
        }

        #[test]
        fn text_without_tags_and_entities_stays_itself(words in "[a-zäö]{1,8}( [a-zäö]{1,8}){0,5}") {
            prop_assert_eq!(text(&words), words);
        }
    }
}
