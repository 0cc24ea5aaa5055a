//! Whether what a source says fits the schema: every key, type, word and bound.

use std::ops::Range;

use super::{
    rate, reserved,
    shape::Shape,
    suggest::way_out,
    tree::{Content, Node, dotted, index},
    value,
};

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) path: Vec<String>,
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

/// Everything in `root` that does not fit `shape`, the shape of a whole file. Keys that are missing are not looked for in
/// sections: another source may have them.
pub(crate) fn problems(shape: Shape<'_>, root: &Node) -> Vec<Problem> {
    let mut check = Check { path: Vec::new(), found: Vec::new(), whole: false };
    check.value(shape, root);
    check.found
}

struct Check {
    path: Vec<String>,
    found: Vec<Problem>,
    /// Whether we are in a value that is not layered: no other source can complete it.
    whole: bool,
}

impl Check {
    fn report(&mut self, at: Range<usize>, message: String) {
        self.found.push(Problem { path: self.path.clone(), at, message });
    }

    fn within(&mut self, key: impl Into<String>, look: impl FnOnce(&mut Self)) {
        self.path.push(key.into());
        look(self);
        self.path.pop();
    }

    fn value(&mut self, shape: Shape<'_>, node: &Node) {
        let outside = self.whole;
        self.whole |= !shape.is_section();
        self.value_within(shape, node);
        self.whole = outside;
    }

    fn value_within(&mut self, shape: Shape<'_>, node: &Node) {
        if shape.is_anything() && !matches!(node.content, Content::Foreign(_)) {
            return;
        }
        if let (Some(words), Some(text)) = (shape.words(), node.text()) {
            return self.one_of(&words, text, node);
        }
        let alternatives = shape.alternatives();
        let fitting: Vec<_> = alternatives.iter().filter(|shape| shape.takes(node.json_type())).collect();
        if shape.is_secret() && matches!(node.content, Content::Table(_)) {
            return self.secret_source(shape, node);
        }
        match fitting[..] {
            [] => {
                let message =
                    format!("`{}`: found {}, expected {}", dotted(&self.path), value::found(shape, node), value::expected(shape));
                self.report(node.at.clone(), message);
            }
            [only] => self.alternative(*only, node),
            _ => self.best(&fitting, node),
        }
    }

    /// Several alternatives are of the right type: the problems of the one that fits best are reported.
    fn best(&mut self, fitting: &[&Shape<'_>], node: &Node) {
        let attempts = fitting.iter().map(|shape| {
            let mut attempt = Self { path: self.path.clone(), found: Vec::new(), whole: self.whole };
            attempt.alternative(**shape, node);
            attempt.found
        });
        self.found.extend(attempts.min_by_key(Vec::len).unwrap_or_default());
    }

    fn alternative(&mut self, shape: Shape<'_>, node: &Node) {
        match &node.content {
            Content::Table(_) if shape.is_platforms() => self.platforms(shape, node),
            Content::Table(_) => self.table(shape, node),
            Content::List(list) => {
                for (position, item) in list.iter().enumerate() {
                    self.within(index(position), |check| check.value(shape.item(), item));
                }
            }
            Content::Scalar(_) | Content::Foreign(_) => {
                if let Some(message) = value::misfit(shape, node, &dotted(&self.path)) {
                    self.report(node.at.clone(), message);
                }
            }
        }
    }

    fn table(&mut self, shape: Shape<'_>, node: &Node) {
        for (key, child) in node.table().into_iter().flatten() {
            self.within(key.as_str(), |check| match shape.property(key) {
                Some(shape) => check.value(shape, child),
                None => check.unknown_key(shape, key, child),
            });
        }
        if shape.word("x-format").is_some_and(|format| format == "rate-table")
            && self.found.is_empty()
            && let Err(error) = rate::deserialize(node.json())
        {
            self.report(node.at.clone(), format!("`{}`: {error}", dotted(&self.path)));
        }
        if self.whole {
            self.missing_keys(shape, node);
        }
    }

    fn missing_keys(&mut self, shape: Shape<'_>, node: &Node) {
        for key in shape.required() {
            if node.find(&[key]).is_none() {
                let message = format!("`{}` needs the key `{key}`", dotted(&self.path));
                self.report(node.at.clone(), message);
            }
        }
    }

    fn unknown_key(&mut self, shape: Shape<'_>, key: &str, node: &Node) {
        let path = dotted(&self.path);
        let section = self.path.len() == 1;
        let message = if reserved::is_reserved_key(&self.path) {
            format!("`{path}` is not supported by this version")
        } else {
            let way_out = way_out(key, &shape.keys());
            format!("unknown {} `{path}`{way_out}", if section { "section" } else { "key" })
        };
        self.report(node.mark(), message);
    }

    fn one_of(&mut self, words: &[&str], text: &str, node: &Node) {
        if words.contains(&text) {
            return;
        }
        let path = dotted(&self.path);
        self.report(node.at.clone(), format!("`{path}`: unknown word `{}`{}", value::short(text), way_out(text, words)));
    }

    fn secret_source(&mut self, shape: Shape<'_>, node: &Node) {
        let path = dotted(&self.path);
        let sources = ["env", "file", "cmd"];
        let keys: Vec<&String> = node.table().into_iter().flatten().map(|(key, _)| key).collect();
        match keys[..] {
            [key] if sources.contains(&key.as_str()) => {
                let tables: Vec<_> =
                    shape.alternatives().into_iter().filter(|shape| shape.keys().contains(&key.as_str())).collect();
                self.best(&tables.iter().collect::<Vec<_>>(), node);
            }
            [key] => {
                self.report(node.at.clone(), format!("`{path}`: unknown source `{key}` of a secret{}", way_out(key, &sources)))
            }
            _ => self
                .report(node.at.clone(), format!("`{path}`: a secret has exactly one source, expected one of: env, file, cmd")),
        }
    }

    fn platforms(&mut self, shape: Shape<'_>, node: &Node) {
        for (name, platform) in node.table().into_iter().flatten() {
            self.within(name.as_str(), |check| {
                if let Err(error) = name.parse::<crate::task::PlatformName>() {
                    check.report(platform.mark(), error.to_string());
                }
                check.platform(shape, name, platform);
            });
        }
    }

    fn platform(&mut self, shape: Shape<'_>, name: &str, node: &Node) {
        if node.table().is_none() {
            let message = format!("`{}`: expected a table with a `type`", dotted(&self.path));
            return self.report(node.at.clone(), message);
        }
        if let Some(own) = shape.property(name) {
            // The type is the last source's; an earlier one may name another known type, and is judged by the last.
            return self.value_of_platform(own, shape, node);
        }
        if let Some(kind) = node.find(&["type"]) {
            self.within("type", |check| check.kind(shape, kind));
        }
    }

    fn value_of_platform(&mut self, own: Shape<'_>, platforms: Shape<'_>, node: &Node) {
        for (key, child) in node.table().into_iter().flatten() {
            self.within(key.as_str(), |check| match own.property(key) {
                _ if key == "type" => check.kind(platforms, child),
                Some(shape) => check.value(shape, child),
                None => check.unknown_key(own, key, child),
            });
        }
    }

    fn kind(&mut self, platforms: Shape<'_>, node: &Node) {
        let known = platforms.kinds();
        match node.text() {
            Some(kind) if known.contains(&kind) => {}
            Some(kind) => {
                let list = format!("expected one of: {}", known.join(", "));
                let hint =
                    super::suggest::nearest(kind, &known).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                let message = format!("unknown platform type `{}`, {hint}{list}", value::short(kind));
                self.report(node.at.clone(), message);
            }
            None => {
                let message = format!("`{}`: expected one of: {}", dotted(&self.path), known.join(", "));
                self.report(node.at.clone(), message);
            }
        }
    }
}

/// The parts of a source's text that may not be shown: secrets, whatever stands at a key nobody knows, and URLs that name
/// a target.
pub(crate) fn hidden(shape: Option<Shape<'_>>, node: &Node, found: &mut Vec<Range<usize>>) {
    match (&node.content, shape) {
        (_, None) => found.push(node.at.clone()),
        (_, Some(shape)) if value::is_secret(shape, node) => found.push(node.at.clone()),
        (Content::Table(table), Some(shape)) => {
            for (key, child) in table {
                let below =
                    shape.alternatives().into_iter().find_map(|shape| shape.takes("object").then(|| shape.property(key))?);
                // Of a platform of an unknown type, only the type is known not to be a secret.
                let platform_name = below.is_none() && shape.is_platforms();
                if platform_name { hidden_but_type(child, found) } else { hidden(below, child, found) }
            }
        }
        (Content::List(list), Some(shape)) => {
            for item in list {
                let below = shape.alternatives().into_iter().find(|shape| shape.takes("array")).map(Shape::item);
                hidden(below, item, found);
            }
        }
        (Content::Scalar(_) | Content::Foreign(_), Some(_)) => {}
    }
}

fn hidden_but_type(platform: &Node, found: &mut Vec<Range<usize>>) {
    match platform.table() {
        Some(table) => {
            let others = table.iter().filter(|(key, _)| *key != "type");
            found.extend(others.map(|(_, node)| node.at.clone()));
        }
        None => found.push(platform.at.clone()),
    }
}
