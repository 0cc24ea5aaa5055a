//! A message as embeds, within Discord's limits.
//!
//! Limits: <https://docs.discord.com/developers/resources/message#embed-object-embed-limits>. The sum over all embeds
//! counts titles, descriptions, field names and values, and footers.

use serde_json::{Map, Value, json};

use crate::{
    contract::{Field, LengthUnit, Message, Priority, TextLimit},
    render::{
        escape,
        limit::{self, Markup},
        markdown::link_target,
    },
};

/// Over all embeds of one message.
pub(super) const TOTAL_CHARS_MAX: usize = 6_000;
const TITLE: TextLimit = chars(256);
const DESCRIPTION: TextLimit = chars(4_096);
const FIELD_NAME: TextLimit = chars(256);
const FIELD_VALUE: TextLimit = chars(1_024);
const FIELDS_MAX: usize = 25;
const EMBEDS_MAX: usize = 10;
/// Kept for the body before fields take the rest.
const BODY_CHARS_KEPT: usize = 3_000;
/// Kept for the footer that counts fields left out.
const FOOTER_CHARS: usize = 40;
/// What closing and opening a code fence anew may add.
const FENCE_CHARS: usize = 16;

pub(super) const fn chars(max: usize) -> TextLimit {
    TextLimit { max, unit: LengthUnit::Chars }
}

/// The embeds of `message`, with `body` (ready-made markdown) as their text.
pub(super) fn embeds(message: &Message, body: &str) -> Vec<Value> {
    let title = title(message);
    let left = TOTAL_CHARS_MAX - FOOTER_CHARS - title.as_deref().map_or(0, count);
    let (fields, left) = fitting_fields(&message.extras().fields, left, count(body).min(BODY_CHARS_KEPT));
    let mut embeds: Vec<Map<String, Value>> = descriptions(body, left).into_iter().map(|text| map("description", text)).collect();
    if embeds.is_empty() {
        embeds.push(Map::new());
    }
    if let Some(title) = title {
        embeds[0].insert("title".into(), title.into());
        // Embeds with the same address are drawn as one, so only one has it.
        embeds[0].extend(web_address(message.extras().click_url.as_deref()).map(|url| ("url".into(), url.into())));
    }
    let omitted = message.extras().fields.len() - fields.len();
    for (index, chunk) in fields.chunks(FIELDS_MAX).enumerate() {
        if index > 0 {
            embeds.push(Map::new());
        }
        last(&mut embeds).insert("fields".into(), chunk.into());
    }
    if omitted > 0 {
        last(&mut embeds).insert("footer".into(), json!({"text": format!("{omitted} more fields left out")}));
    }
    if let Some(url) = web_address(message.extras().image_url.as_deref()) {
        last(&mut embeds).insert("image".into(), json!({"url": url}));
    }
    embeds.retain(|embed| !embed.is_empty());
    for embed in &mut embeds {
        embed.insert("color".into(), colour(message.priority).into());
    }
    embeds.into_iter().map(Value::Object).collect()
}

/// Grey, blue, orange, red.
fn colour(priority: Priority) -> u32 {
    match priority {
        Priority::Low => 0x95_a5_a6,
        Priority::Normal => 0x34_98_db,
        Priority::High => 0xe6_7e_22,
        Priority::Urgent => 0xe7_4c_3c,
    }
}

/// The title on one line, if there is one.
pub(super) fn title(message: &Message) -> Option<String> {
    let words: Vec<&str> = message.title.as_deref()?.split_whitespace().collect();
    let title = escape::discord(&words.join(" ")).into_owned();
    (!title.is_empty()).then(|| limited(&title, TITLE))
}

/// The fields that fit while `body` characters are kept free, and how many characters are left for the body.
fn fitting_fields(fields: &[Field], total: usize, body: usize) -> (Vec<Value>, usize) {
    let mut left = total;
    let mut fitting = Vec::new();
    for field in fields.iter().take(FIELDS_MAX * (EMBEDS_MAX - 2)) {
        let (name, value) = (shown(&field.name, FIELD_NAME), shown(&field.value, FIELD_VALUE));
        let used = count(&name) + count(&value);
        if used + body > left {
            break;
        }
        left -= used;
        // Short values stand side by side.
        let inline = count(&value) <= 40;
        fitting.push(json!({"name": name, "value": value, "inline": inline}));
    }
    (fitting, left)
}

/// A name or a value; Discord refuses empty ones, so they become an invisible space.
fn shown(text: &str, limit: TextLimit) -> String {
    let text = limited(&escape::discord(text.trim()), limit);
    if text.is_empty() { "\u{200b}".to_owned() } else { text }
}

fn descriptions(body: &str, max: usize) -> Vec<String> {
    let max = if count(body) > DESCRIPTION.max { max.saturating_sub(FENCE_CHARS) } else { max };
    let body = limit::truncate_closed(body, chars(max), Markup::Markdown);
    limit::split(&body, DESCRIPTION, 2, Markup::Markdown)
}

fn web_address(url: Option<&str>) -> Option<String> {
    let target = link_target(url?)?;
    target.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http")).then_some(target)
}

fn last(embeds: &mut [Map<String, Value>]) -> &mut Map<String, Value> {
    embeds.last_mut().expect("there is always an embed to begin with")
}

fn map(key: &str, text: String) -> Map<String, Value> {
    Map::from_iter([(key.to_owned(), Value::String(text))])
}

fn limited(text: &str, limit: TextLimit) -> String {
    limit::truncate(text, limit, Markup::Markdown).into_owned()
}

fn count(text: &str) -> usize {
    text.chars().count()
}
