//! Whatever a message holds, JSON templates make JSON that holds it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Language, Template};
use crate::{
    contract::{Envelope, Message},
    testkit,
};

fn envelope(message: Message) -> Envelope {
    testkit::envelope(None, message)
}

#[test]
fn the_media_type_decides_the_language() {
    for (content_type, expected) in [
        ("application/json", Language::Json),
        ("Application/Vnd.Api+JSON; charset=utf-8", Language::Json),
        ("application/x-ndjson", Language::Json),
        ("application/x-www-form-urlencoded", Language::Form),
        ("text/xml", Language::Markup),
        ("application/soap+xml; charset=utf-8", Language::Markup),
        ("text/html", Language::Markup),
        ("text/plain", Language::Text),
        ("", Language::Text),
    ] {
        assert_eq!(Language::of(content_type), expected, "{content_type}");
    }
}

proptest! {
    #[test]
    fn any_text_arrives_whole_in_json_that_can_be_read(title in any::<String>(), body in any::<String>()) {
        let written = r#"{"k{{title}}":"a\\{{title}}\u00e9{{body}}\"","b":[{{body}},{{unix_time}}]}"#;
        let template = Template::parse(written, Language::Json).expect("a template");
        let rendered = template.render(&envelope(Message::text(body.clone()).title(title.clone())));
        let found: Value = serde_json::from_str(&rendered).expect("JSON");
        let key = format!("k{title}");
        prop_assert_eq!(&found[&key], &json!(format!("a\\{title}é{body}\"")));
        prop_assert_eq!(&found["b"], &json!([body, 0]));
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(written in "([{}\"\\\\u0-9a ]|\\{\\{title\\}\\}|\\{\\{ body)*") {
        for language in [Language::Json, Language::Text] {
            if let Ok(template) = Template::parse(&written, language) {
                let rendered = template.render(&envelope(Message::text("b\"\\").title("\u{1}")));
                if language == Language::Json {
                    prop_assert!(serde_json::from_str::<Value>(&rendered).is_ok(), "{written:?} {rendered:?}");
                }
            }
        }
    }
}
