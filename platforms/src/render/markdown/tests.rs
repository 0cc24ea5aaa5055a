//! One source in every dialect, and the sources that bite.

use proptest::prelude::*;

use super::*;

const SOURCE: &str = "# Disk *full*\n\n**db1** is at _91 %_, ~~not 19~~. See [the graph](https://x.example/?a=1&b=(2)) & `df <h>`\n\n\
    - one\n- two\n  1. deep\n  2. deeper\n\n> said\n> so\n\n```sh\nrm *\n```\n\n| host | use |\n|---|---|\n| db1 | **91** |\n| a<b | 5 |\n\n- [x] done\n";

#[test]
fn one_source_reads_well_in_every_dialect() {
    assert_eq!(
        plain(SOURCE),
        "Disk full\n\ndb1 is at 91 %, not 19. See the graph (https://x.example/?a=1&b=%282%29) & df <h>\n\n- one\n- two\n    1. deep\n    2. deeper\n\n\
         > said\n> so\n\nrm *\n\nhost | use\n-----+----\ndb1  | 91\na<b  | 5\n\n- ☑ done"
    );
    assert_eq!(
        slack(SOURCE),
        "*Disk full*\n\n*db1* is at _91 %_, ~not 19~. See <https://x.example/?a=1&amp;b=%282%29|the graph> &amp; `df &lt;h&gt;`\n\n• one\n• two\n    1. deep\n    2. deeper\n\n\
         > said\n> so\n\n```\nrm *\n```\n\n```\nhost | use\n-----+----\ndb1  | 91\na&lt;b  | 5\n```\n\n• ☑ done"
    );
    assert_eq!(
        discord(SOURCE),
        SOURCE.replace(
            "| host | use |\n|---|---|\n| db1 | **91** |\n| a<b | 5 |\n",
            "```\nhost | use\n-----+----\ndb1  | 91\na<b  | 5\n```\n"
        )
    );
    assert!(
        html("**b** <script>x</script>\n\n<img src=x>")
            .starts_with("<p><strong>b</strong> &lt;script&gt;x&lt;/script&gt;</p>\n&lt;img src=x&gt;")
    );
}

#[test]
fn nothing_in_a_source_can_ping_anybody_on_slack() {
    for source in [
        "<!channel>",
        "<@U1>",
        "[x](!channel)",
        "[x](@U1)",
        "[x](<!channel>)",
        "![x](#C1)",
        "<https://x|y>",
        "`<!here>`",
        "```\n<!here>\n```",
    ] {
        let written = slack(source);
        for ping in ["<!", "<@", "<#"] {
            assert!(!written.contains(ping), "{source} became {written}");
        }
    }
}

#[test]
fn links_lead_to_harmless_schemes_only() {
    assert_eq!(
        html("[x](javascript:alert(1)) [y](https://y.example)"),
        "<p><a href=\"#\">x</a> <a href=\"https://y.example\">y</a></p>\n"
    );
    assert_eq!(slack("[x](javascript:alert) [a](mailto:a@b.example)"), "x <mailto:a@b.example|a>");
    assert_eq!(slack("<https://x.example> ![alt](https://x.example/i.png)"), "<https://x.example> <https://x.example/i.png|alt>");
    assert_eq!(slack("[![alt](https://i.example)](https://x.example)"), "<https://x.example|alt>");
    assert_eq!(discord("a ![alt](https://i.example) b"), "a [alt](https://i.example) b");
}

#[test]
fn very_deep_nesting_is_neither_slow_nor_fatal() {
    let deep = ">".repeat(20_000) + "x";
    assert!(plain(&deep).ends_with('x'));
    let list: String = (0..500).map(|depth| " ".repeat(2 * depth) + "- x\n").collect();
    assert!(slack(&list).lines().all(|line| line.len() < 1200));
}

#[test]
fn a_table_is_laid_out_for_discord_but_not_inside_a_quote() {
    assert_eq!(
        discord("| a | ![i](https://x) |\n|---|---|\n| 1 | 2 |\n"),
        "```\na | i (https://x)\n--+--------------\n1 | 2\n```\n"
    );
    let quoted = "> | a |\n> |---|\n> | 1 |\n";
    assert_eq!(discord(quoted), quoted);
}

proptest! {
    #[test]
    fn any_source_is_converted_and_escaped(source in "([a-z*_~`<>&!@#|\\[\\]()\\n -]|\\PC|\n\n|```|https://x|<!channel>){0,60}") {
        let _ = (plain(&source), discord(&source), html(&source));
        let written = slack(&source);
        prop_assert!(!written.contains("<!") && !written.contains("<@"), "{}", written);
    }
}
