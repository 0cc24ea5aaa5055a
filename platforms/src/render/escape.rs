//! Text in which every character means itself, per dialect.

use std::borrow::Cow;

/// What Discord's markdown reads as markup. `<` starts mentions, emoji and time stamps.
const DISCORD_MARKUP: &[char] = &['\\', '*', '_', '~', '`', '|', '<', '>', '#', '-', '[', ']', '(', ')'];

/// For Slack: `&`, `<` and `>` become entities, which also disarms `<!channel>`, `<@U…>` and their like
/// (<https://docs.slack.dev/messaging/formatting-message-text>). Slack knows no escape for `*`, `_`, `~` and backticks.
pub fn slack(text: &str) -> Cow<'_, str> {
    replace(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    })
}

/// CommonMark for Slack's own `markdown` block, unchanged but for what could ping: `<` before `!`, `@` and `#` becomes an
/// entity. Links in angle brackets stay.
pub fn slack_markdown(markdown: &str) -> Cow<'_, str> {
    const PINGS: [&str; 3] = ["<!", "<@", "<#"];
    if !PINGS.iter().any(|ping| markdown.contains(ping)) {
        return markdown.into();
    }
    PINGS.iter().fold(markdown.to_owned(), |text, ping| text.replace(ping, &format!("&lt;{}", &ping[1..]))).into()
}

/// For HTML, as text and inside quoted attributes.
pub fn html(text: &str) -> Cow<'_, str> {
    replace(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    })
}

/// For Discord: a backslash before everything its markdown reads as markup. Web addresses stay as they are, because
/// Discord takes them whole and a backslash would become part of them.
pub fn discord(text: &str) -> Cow<'_, str> {
    if !text.contains(DISCORD_MARKUP) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let address = web_address(rest);
        if address > 0 {
            out.push_str(&rest[..address]);
            rest = &rest[address..];
            continue;
        }
        if DISCORD_MARKUP.contains(&c) {
            out.push('\\');
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out.into()
}

/// The length in bytes of the web address `text` starts with; 0 if it starts with none.
fn web_address(text: &str) -> usize {
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return 0;
    }
    text.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`')).unwrap_or(text.len())
}

fn replace(text: &str, entity: impl Fn(char) -> Option<&'static str>) -> Cow<'_, str> {
    if !text.contains(|c| entity(c).is_some()) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match entity(c) {
            Some(entity) => out.push_str(entity),
            None => out.push(c),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_means_itself_in_every_dialect() {
        let text = r#"<!channel> & <@U1> *b* "q" 'a'"#;
        assert_eq!(slack(text), r#"&lt;!channel&gt; &amp; &lt;@U1&gt; *b* "q" 'a'"#);
        assert_eq!(html(text), "&lt;!channel&gt; &amp; &lt;@U1&gt; *b* &quot;q&quot; &#39;a&#39;");
        assert_eq!(discord(r"**b** <@1> # \x"), r"\*\*b\*\* \<@1\> \# \\x");
        assert!(matches!(discord("nothing to do"), Cow::Borrowed(_)));
        assert_eq!(
            slack_markdown("<!here> <@U1> <#C1> <https://a.example> > a<b"),
            "&lt;!here> &lt;@U1> &lt;#C1> <https://a.example> > a<b"
        );
    }

    #[test]
    fn web_addresses_stay_whole_for_discord() {
        assert_eq!(discord("see https://a.example/x_y-z(1) *now*"), r"see https://a.example/x_y-z(1) \*now\*");
    }
}
