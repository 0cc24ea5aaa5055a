//! "Did you mean": the known word nearest to the one that was written.

/// The way out of an unknown word: the nearest known one, else all of them.
pub(crate) fn way_out(word: &str, known: &[&str]) -> String {
    match (nearest(word, known), known) {
        (Some(nearest), _) => format!(", did you mean `{nearest}`?"),
        (None, []) => String::new(),
        (None, known) => format!(", expected one of: {}", known.join(", ")),
    }
}

/// The known word at the smallest edit distance, if it is near enough to be a slip of the fingers: a third of its letters.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('-', "_");
    let word = plain(word);
    let (distance, nearest) = known.iter().map(|known| (distance(&word, &plain(known)), *known)).min()?;
    (distance <= (nearest.len() / 3).max(1)).then_some(nearest)
}

/// How many letters must be added, dropped, changed or swapped with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_finds_its_word_and_another_word_finds_none() {
        let known = ["webhook_url", "token", "timeout", "type", "url"];
        for (word, expected) in [
            ("webhok_url", Some("webhook_url")),
            ("webhook-url", Some("webhook_url")),
            ("WebhookUrl", Some("webhook_url")),
            ("tokne", Some("token")),
            ("time_out", Some("timeout")),
            ("tipe", Some("type")),
            ("uri", Some("url")),
            ("password", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
        assert_eq!(nearest("x", &[]), None);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
