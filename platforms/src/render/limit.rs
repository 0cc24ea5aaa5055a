//! Lengths in the platform's unit, cutting with an ellipsis, splitting into pieces.
//!
//! A text is cut between the smallest pieces of its [`Markup`] only: never inside a grapheme, an entity, a link or an
//! escape. All functions are total.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use crate::contract::{LengthUnit, TextLimit};

/// Appended to what was cut, and counted.
pub const ELLIPSIS: char = '…';

/// Between which pieces a text may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Markup {
    /// Plain text: between graphemes.
    Plain,
    /// Slack's mrkdwn: also not inside `<…>` and `&…;`.
    Slack,
    /// Markdown: also not between a backslash and what it escapes.
    Markdown,
}

/// How long `text` is, in `unit`.
pub fn length(text: &str, unit: LengthUnit) -> usize {
    match unit {
        LengthUnit::Bytes => text.len(),
        LengthUnit::Chars => text.chars().count(),
        LengthUnit::Utf16 => text.chars().map(char::len_utf16).sum(),
    }
}

/// `text` itself if it fits, else its longest start that fits together with `…`. Where not even `…` fits, the longest
/// start without it.
pub fn truncate(text: &str, limit: TextLimit, markup: Markup) -> Cow<'_, str> {
    if length(text, limit.unit) <= limit.max {
        return text.into();
    }
    let ellipsis = length(ELLIPSIS.encode_utf8(&mut [0; 4]), limit.unit);
    let Some(max) = limit.max.checked_sub(ellipsis) else { return head(text, limit, markup).into() };
    let mut cut = head(text, TextLimit { max, ..limit }, markup).to_owned();
    cut.push(ELLIPSIS);
    cut.into()
}

/// `text` in pieces that each fit, cut between paragraphs or lines or words where the second half of a piece has one.
/// A code fence that is cut is closed and opened again. At most `pieces_max` pieces; the last one is truncated.
pub fn split(text: &str, limit: TextLimit, pieces_max: usize, markup: Markup) -> Vec<String> {
    const REOPENED: usize = "```\n".len() + "\n```".len();
    let mut pieces = Vec::new();
    let mut rest = Cow::Borrowed(text);
    while !rest.is_empty() && pieces.len() < pieces_max {
        let is_last = pieces.len() + 1 == pieces_max;
        if is_last || length(&rest, limit.unit) <= limit.max || limit.max <= 2 * REOPENED {
            pieces.push(truncate_closed(&rest, limit, markup));
            break;
        }
        let max = if rest.contains(FENCE) { limit.max - REOPENED } else { limit.max };
        let whole = head(&rest, TextLimit { max, ..limit }, markup);
        let piece = &whole[..break_in(whole)];
        let tail = rest[piece.len()..].trim_start_matches('\n');
        let (piece, tail) = if is_fence_open(piece) {
            (format!("{}\n{FENCE}", piece.trim_end()), format!("{FENCE}\n{tail}"))
        } else {
            (piece.trim_end().to_owned(), tail.trim_start().to_owned())
        };
        // A single piece of markup that is longer than the limit would otherwise come back for ever.
        if tail.len() >= rest.len() {
            pieces.push(truncate_closed(&rest, limit, markup));
            break;
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        rest = tail.into();
    }
    pieces
}

/// Links longer than this may be cut: it bounds the search for their end.
const LINK_BYTES_MAX: usize = 8192;

const FENCE: &str = "```";

/// Like [`truncate`], and a code fence that was cut open is closed.
pub fn truncate_closed(text: &str, limit: TextLimit, markup: Markup) -> String {
    let cut = truncate(text, limit, markup);
    if matches!(cut, Cow::Borrowed(_)) || !is_fence_open(&cut) {
        return cut.into_owned();
    }
    let closing = format!("\n{FENCE}");
    let max = limit.max.saturating_sub(closing.len());
    let shorter = truncate(text, TextLimit { max, ..limit }, markup);
    if is_fence_open(&shorter) { shorter.into_owned() + &closing } else { shorter.into_owned() }
}

fn is_fence_open(text: &str) -> bool {
    text.matches(FENCE).count() % 2 == 1
}

/// The longest start of `text` of whole pieces that fits.
fn head(text: &str, limit: TextLimit, markup: Markup) -> &str {
    let (mut end, mut used) = (0, 0);
    while end < text.len() {
        let piece = first_piece(&text[end..], markup);
        used += length(piece, limit.unit);
        if used > limit.max {
            break;
        }
        end += piece.len();
    }
    &text[..end]
}

/// The first piece that must not be cut; empty only for an empty text.
fn first_piece(text: &str, markup: Markup) -> &str {
    let marked = match markup {
        Markup::Plain => 0,
        Markup::Slack if text.starts_with('<') => {
            text.bytes().take(LINK_BYTES_MAX).position(|byte| byte == b'>').unwrap_or_default()
        }
        Markup::Slack if text.starts_with('&') => entity_end(text),
        Markup::Slack => 0,
        Markup::Markdown => usize::from(text.starts_with('\\') && text.len() > 1),
    };
    // The last character of the markup may begin a grapheme that goes on behind it.
    let grapheme = text[marked..].graphemes(true).next().unwrap_or_default();
    &text[..marked + grapheme.len()]
}

/// Where the `;` of the entity is that `text` starts with; 0 if it starts with none.
fn entity_end(text: &str) -> usize {
    ["&amp;", "&lt;", "&gt;"].iter().find(|entity| text.starts_with(**entity)).map_or(0, |entity| entity.len() - 1)
}

/// Where to break `whole`: after its last blank line, else line, else word, of its second half; else at its end.
fn break_in(whole: &str) -> usize {
    let half = whole.len() / 2;
    ["\n\n", "\n", " "]
        .iter()
        .find_map(|gap| whole.rfind(gap).filter(|at| *at >= half).map(|at| at + gap.len()))
        .unwrap_or(whole.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(max: usize) -> TextLimit {
        TextLimit { max, unit: LengthUnit::Bytes }
    }

    fn chars(max: usize) -> TextLimit {
        TextLimit { max, unit: LengthUnit::Chars }
    }

    #[test]
    fn each_unit_counts_its_own_things() {
        let text = "ä👍🏽";
        let lengths = [LengthUnit::Bytes, LengthUnit::Chars, LengthUnit::Utf16].map(|unit| length(text, unit));
        assert_eq!(lengths, [10, 3, 5]);
    }

    #[test]
    fn a_text_is_cut_between_graphemes_and_the_ellipsis_counts() {
        for (text, limit, cut) in [
            ("hello", bytes(5), "hello"),
            ("hello!", bytes(5), "he…"),
            ("hello!", chars(5), "hell…"),
            ("a👍🏽bc", chars(3), "a…"),
            ("e\u{301}e\u{301}e\u{301}", chars(5), "e\u{301}e\u{301}…"),
            ("👍👍👍", TextLimit { max: 5, unit: LengthUnit::Utf16 }, "👍👍…"),
            ("abc", bytes(2), "ab"),
            ("abc", bytes(0), ""),
        ] {
            assert_eq!(truncate(text, limit, Markup::Plain), cut);
        }
    }

    #[test]
    fn links_entities_and_escapes_are_never_cut() {
        assert_eq!(truncate("ab<https://x|y>cd", chars(8), Markup::Slack), "ab…");
        assert_eq!(truncate("ab&amp;cdefg", chars(6), Markup::Slack), "ab…");
        assert_eq!(truncate(r"ab\*cdefg", chars(4), Markup::Markdown), "ab…");
    }

    #[test]
    fn a_text_is_split_at_paragraphs_lines_and_words() {
        assert_eq!(split("aaaa bbbb\n\ncc dd ee ff gg hh", chars(18), 9, Markup::Plain), ["aaaa bbbb", "cc dd ee ff gg hh"]);
        assert_eq!(split(&"x".repeat(40), chars(20), 9, Markup::Plain), ["x".repeat(20), "x".repeat(20)]);
        assert_eq!(split(&"x".repeat(60), chars(20), 2, Markup::Plain)[1], "x".repeat(19) + "…");
        assert_eq!(split("", chars(20), 2, Markup::Plain), Vec::<String>::new());
    }

    #[test]
    fn a_code_fence_that_is_split_is_closed_and_opened_again() {
        let pieces = split("```\naaaaaaaaaa\nbbbbbbbbbb\ncccccccccc\n```", chars(30), 9, Markup::Plain);
        assert_eq!(pieces, ["```\naaaaaaaaaa\n```", "```\nbbbbbbbbbb\ncccccccccc\n```"]);
    }

    fn units() -> impl Strategy<Value = LengthUnit> {
        prop_oneof![Just(LengthUnit::Bytes), Just(LengthUnit::Chars), Just(LengthUnit::Utf16)]
    }

    fn markups() -> impl Strategy<Value = Markup> {
        prop_oneof![Just(Markup::Plain), Just(Markup::Slack), Just(Markup::Markdown)]
    }

    proptest! {
        #[test]
        fn a_cut_text_fits_and_is_a_start_of_the_original(text in "(\\PC|[a-z<>&;`\\\\\n👍🏽e\u{301}]){0,60}", max in 0usize..50, unit in units(), markup in markups()) {
            let limit = TextLimit { max, unit };
            let cut = truncate(&text, limit, markup);
            prop_assert!(length(&cut, unit) <= max);
            if *cut != *text {
                let start = cut.strip_suffix(ELLIPSIS).unwrap_or(&cut);
                prop_assert!(text.starts_with(start));
                prop_assert!(text.grapheme_indices(true).any(|(at, _)| at == start.len()) || start.len() == text.len());
            }
        }

        #[test]
        fn split_pieces_fit_and_lose_nothing_but_gaps(text in "([a-z \n]|`{3}|<a|b>|👍🏽|&amp;){0,80}", max in 17usize..60, unit in units(), markup in markups()) {
            let pieces = split(&text, TextLimit { max, unit }, usize::MAX, markup);
            for piece in &pieces {
                prop_assert!(length(piece, unit) <= max, "{piece:?}");
            }
            let letters = |text: &str| text.chars().filter(|c| c.is_ascii_alphabetic()).count();
            if !pieces.iter().any(|piece| piece.contains(ELLIPSIS)) {
                prop_assert_eq!(pieces.iter().map(|piece| letters(piece)).sum::<usize>(), letters(&text));
            }
        }

        #[test]
        fn a_fence_that_was_cut_is_closed_within_the_limit(text in "([a-z \n]|`{3}){0,60}", max in 0usize..40) {
            prop_assert!(truncate_closed(&text, chars(max), Markup::Plain).chars().count() <= max);
        }
    }
}
