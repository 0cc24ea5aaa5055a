//! How messages look, that they fit, and whom they ping.

use proptest::prelude::*;

use super::*;
use crate::contract::{Action, ActionStyle, Attachment, AttachmentContent, ErrorKind, Field, Mention, Priority};

fn file(name: &str, content: AttachmentContent) -> Attachment {
    Attachment { name: name.into(), mime: "text/plain".into(), content }
}

#[test]
fn a_short_text_is_posted_exactly_these_bytes() {
    let request = discord(hook()).request(&envelope(None, Message::text("*full* @everyone"))).expect("a request");
    assert_eq!((request.method.as_str(), request.url.expose().to_owned()), ("POST", format!("{HOOK}?wait=true")));
    assert_eq!(request.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(std::str::from_utf8(&request.body), Ok(r#"{"allowed_mentions":{"parse":[]},"content":"\\*full\\* @everyone"}"#));
}

#[test]
fn a_titled_message_is_an_embed_in_the_colour_of_its_priority() {
    for (priority, colour) in
        [(Priority::Low, 9_807_270), (Priority::Normal, 3_447_003), (Priority::High, 15_105_570), (Priority::Urgent, 15_158_332)]
    {
        let payload = payload(Message::markdown("**db1** is filling").title("Disk 91%").priority(priority));
        assert_eq!(
            payload,
            json!({"allowed_mentions": {"parse": []}, "embeds": [{"title": "Disk 91%", "description": "**db1** is filling", "color": colour}]})
        );
    }
}

#[test]
fn every_part_of_a_message_has_its_place() {
    let mut message = Message::text("body").title("title");
    let extras = message.extras_mut();
    extras.fields =
        (0..26).map(|n| Field { name: format!("n{n}"), value: if n == 0 { String::new() } else { "v".repeat(n * 2) } }).collect();
    extras.actions =
        (0..6).map(|n| Action { label: format!("a{n}"), url: "https://x.example".into(), style: ActionStyle::Default }).collect();
    extras.actions.push(Action { label: "bad".into(), url: "javascript:1".into(), style: ActionStyle::Default });
    extras.click_url = Some("https://click.example".into());
    extras.image_url = Some("https://x.example/i.png".into());
    extras.attachments = vec![file("log", AttachmentContent::Url("https://x.example/log".into()))];
    let config =
        DiscordConfig { username: Some("hub".into()), avatar_url: Some("https://a.example".into()), tts: true, ..hook() };
    let (url, payload) = sent(config, message);
    assert!(url.ends_with("?wait=true&with_components=true"));
    let embeds = payload["embeds"].as_array().expect("embeds");
    assert_eq!(embeds.len(), 2);
    assert_eq!(
        (&embeds[0]["url"], &embeds[1]["image"]["url"]),
        (&json!("https://click.example"), &json!("https://x.example/i.png"))
    );
    assert_eq!(embeds[0]["description"], "body\nbad: javascript:1\n[log](https://x.example/log)");
    assert_eq!(embeds[0]["fields"][0], json!({"name": "n0", "value": "\u{200b}", "inline": true}));
    assert_eq!((embeds[0]["fields"].as_array().map(Vec::len), embeds[1]["fields"].as_array().map(Vec::len)), (Some(25), Some(1)));
    assert_eq!(embeds[1]["fields"][0]["inline"], false);
    assert_eq!(
        payload["components"][1],
        json!({"type": 1, "components": [{"type": 2, "style": 5, "label": "a5", "url": "https://x.example"}]})
    );
    assert_eq!(
        (&payload["username"], &payload["avatar_url"], &payload["tts"]),
        (&json!("hub"), &json!("https://a.example"), &json!(true))
    );
}

#[test]
fn a_click_address_without_a_title_is_a_button() {
    let mut message = Message::text("b");
    message.extras_mut().click_url = Some("https://click.example".into());
    assert_eq!(
        payload(message)["components"][0]["components"][0],
        json!({"type": 2, "style": 5, "label": "Open", "url": "https://click.example"})
    );
}

#[test]
fn only_mentions_ping() {
    let mut message = Message::text("@everyone <@1180000000000000001>");
    let mentions = vec![Mention::User(USER.into()), Mention::User(USER.into()), Mention::Group(THREAD.into()), Mention::Here];
    message.extras_mut().mentions = mentions;
    let full = payload(message.clone());
    assert_eq!(full["allowed_mentions"], json!({"parse": ["everyone"], "users": [USER], "roles": [THREAD]}));
    assert!(
        full["content"]
            .as_str()
            .is_some_and(|text| text.starts_with(&format!("<@{USER}> <@{USER}> <@&{THREAD}> @here\n@everyone")))
    );
    let users_only = DiscordConfig { mentions_allowed: vec![MentionKind::Users], ..hook() };
    assert_eq!(sent(users_only, message.clone()).1["allowed_mentions"], json!({"parse": [], "users": [USER]}));
    message.title = Some("t".into());
    assert_eq!(payload(message.clone())["content"], format!("<@{USER}> <@{USER}> <@&{THREAD}> @here"));
    message.extras_mut().mentions = vec![Mention::Everyone];
    assert_eq!(payload(message)["allowed_mentions"], json!({"parse": ["everyone"]}));
}

#[test]
fn files_go_along_as_a_form() {
    let mut message = Message::text("b");
    message.extras_mut().attachments =
        vec![file("a\".txt", AttachmentContent::Bytes("one".into())), file("b", AttachmentContent::Bytes("2".into()))];
    let request = discord(hook()).request(&envelope(None, message)).expect("a request");
    let boundary = "notifyhub-00000000-0000-0000-0000-000000000007";
    assert_eq!(request.headers["content-type"], format!("multipart/form-data; boundary={boundary}"));
    let expected = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"payload_json\"\r\ncontent-type: application/json\r\n\r\n\
         {{\"allowed_mentions\":{{\"parse\":[]}},\"attachments\":[{{\"filename\":\"a\\\".txt\",\"id\":0}},{{\"filename\":\"b\",\"id\":1}}],\"content\":\"b\"}}\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"files[0]\"; filename=\"a%22.txt\"\r\ncontent-type: text/plain\r\n\r\none\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"files[1]\"; filename=\"b\"\r\ncontent-type: text/plain\r\n\r\n2\r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8_lossy(&request.body), expected);
}

#[test]
fn low_priority_is_silent_only_where_the_table_says_so() {
    let silent = || DiscordConfig { silent: true, ..hook() };
    let low = || Message::text("b").priority(Priority::Low);
    assert_eq!(sent(silent(), low()).1["flags"], 4096);
    assert!(sent(silent(), Message::text("b")).1.get("flags").is_none() && sent(hook(), low()).1.get("flags").is_none());
}

#[test]
fn previews_of_links_can_be_left_out_of_what_has_no_embeds() {
    let bare = |silent| DiscordConfig { link_previews: false, silent, ..hook() };
    assert_eq!(sent(bare(false), Message::text("https://x.example")).1["flags"], 4);
    assert!(sent(bare(true), Message::text("b").priority(Priority::Low)).1["flags"] == 4096, "the flag would hide the embed");
    assert!(payload(Message::text("https://x.example")).get("flags").is_none());
}

#[test]
fn a_forum_thread_is_opened_unless_the_message_goes_into_one() {
    let forum = || DiscordConfig { thread_name: Some("alerts".into()), applied_tags: vec![THREAD.into()], ..hook() };
    let (_, opened) = sent(forum(), Message::text("b"));
    assert_eq!((&opened["thread_name"], &opened["applied_tags"]), (&json!("alerts"), &json!([THREAD])));
    let (url, existing) = sent(DiscordConfig { thread_id: Some(THREAD.into()), ..forum() }, Message::text("b"));
    assert!(url.contains("thread_id") && existing.get("thread_name").is_none());
}

#[test]
fn raw_keys_come_last() {
    let mut message = Message::text("b");
    message.extras_mut().raw.insert("discord".into(), json!({"content": "mine", "components": [{"type": 1}]}));
    let (url, payload) = sent(hook(), message);
    assert_eq!(payload["content"], "mine");
    assert!(url.ends_with("&with_components=true"));
}

#[test]
fn raw_flags_are_added_and_components_alone_leave_nothing_beside_them() {
    let with = |raw: Value| {
        let mut message = Message::text("b").priority(Priority::Low);
        message.extras_mut().raw.insert("discord".into(), raw);
        sent(DiscordConfig { silent: true, ..hook() }, message).1
    };
    let added = with(json!({"flags": 4}));
    assert_eq!((&added["flags"], added["embeds"].is_array()), (&json!(4 | 4096), true));
    let component = json!([{"type": 10, "content": "b"}]);
    assert_eq!(
        with(json!({"flags": 32768, "components": component})),
        json!({"allowed_mentions": {"parse": []}, "flags": 32768 | 4096, "components": component})
    );
}

#[test]
fn a_text_becomes_an_embed_one_character_past_the_limit_of_content() {
    let emoji = "👍🏽";
    let fits = emoji.repeat(1_000);
    assert_eq!(payload(Message::text(fits.clone()))["content"], fits);
    let over = payload(Message::text(format!("{fits}x")));
    assert_eq!((over.get("content"), &over["embeds"][0]["description"]), (None, &json!(format!("{fits}x"))));
    let cut = payload(Message::text(emoji.repeat(3_001)));
    let descriptions: Vec<&str> =
        cut["embeds"].as_array().into_iter().flatten().filter_map(|embed| embed["description"].as_str()).collect();
    let whole = descriptions.concat();
    assert!(whole.ends_with('…') && whole.trim_end_matches('…').chars().count().is_multiple_of(2), "no emoji is halved");
}

#[test]
fn buttons_alone_are_a_message() {
    let mut message = Message::text("");
    message.extras_mut().click_url = Some("https://click.example".into());
    assert_eq!(payload(message)["components"][0]["components"][0]["label"], "Open");
}

#[test]
fn what_can_never_be_accepted_is_refused() {
    let with = |change: fn(&mut crate::contract::Extras)| {
        let mut message = Message::text("b");
        change(message.extras_mut());
        message
    };
    for message in [
        Message::text(" \n"),
        with(|extras| extras.mentions = vec![Mention::User("ada".into())]),
        with(|extras| extras.mentions = (0..101).map(|n| Mention::User(format!("11800000000000{n:05}"))).collect()),
        with(|extras| extras.attachments = vec![file("x", AttachmentContent::Bytes("x".into())); 11]),
        with(|extras| extras.attachments = vec![file("x", AttachmentContent::Bytes(vec![0; 13 * 1024 * 1024].into())); 2]),
        with(|extras| drop(extras.raw.insert("discord".into(), json!("text")))),
    ] {
        let error = discord(hook()).request(&envelope(None, message)).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidMessage);
    }
    let mut file_only = with(|extras| extras.attachments = vec![file("x", AttachmentContent::Bytes("x".into()))]);
    file_only.body.clear();
    assert!(discord(hook()).request(&envelope(None, file_only)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_message_fits_all_limits(title in "\\PC{0,300}", body in "([a-z\n*&<`\\\\]|👍🏽| ){0,500}", repeat in 1usize..20, fields in 0usize..60, markdown: bool) {
        let body = body.repeat(repeat);
        let mut message = if markdown { Message::markdown(format!("x{body}")) } else { Message::text(format!("x{body}")) };
        message.title = Some(title.clone());
        message.extras_mut().fields = (0..fields).map(|_| Field { name: title.clone(), value: body.clone() }).collect();
        let payload = payload(message);
        let count = |text: &Value| text.as_str().map_or(0, |text| text.chars().count());
        prop_assert!(count(&payload["content"]) <= 2_000);
        let embeds = payload["embeds"].as_array().cloned().unwrap_or_default();
        let mut total = 0;
        for embed in &embeds {
            let fields = embed["fields"].as_array().cloned().unwrap_or_default();
            prop_assert!(count(&embed["title"]) <= 256 && count(&embed["description"]) <= 4_096 && fields.len() <= 25);
            total += count(&embed["title"]) + count(&embed["description"]) + count(&embed["footer"]["text"]);
            for field in &fields {
                let (name, value) = (count(&field["name"]), count(&field["value"]));
                prop_assert!((1..=256).contains(&name) && (1..=1_024).contains(&value));
                total += name + value;
            }
        }
        prop_assert!(embeds.len() <= 10 && total <= 6_000, "{total}");
    }
}
