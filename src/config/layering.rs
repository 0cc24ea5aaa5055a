//! Defaults, files, environment, flags: one over the other. figment does the layering.

use std::collections::BTreeMap;

use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Tag, Value as Figure},
};
use serde_json::Value;

use super::{
    shape::Shape,
    source::Layer,
    tree::{Content, Node},
};

/// What all sources together say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Merged {
    /// A section: each of its keys has a source of its own.
    Section(BTreeMap<String, Merged>),
    /// A value, and the position of the layer it comes from.
    Value { value: Value, layer: usize },
}

/// Lays the later over the earlier.
///
/// # Errors
///
/// What figment says, should it ever fail; our layers always have data.
pub(crate) fn merge(layers: &[Layer], shape: Shape<'_>) -> Result<Merged, String> {
    let figment = layers
        .iter()
        .enumerate()
        .fold(Figment::new(), |figment, (position, layer)| figment.merge(Provided { position, root: &layer.root, shape }));
    let data = figment.data().map_err(|error| error.to_string())?;
    let dict = data.into_iter().find(|(profile, _)| *profile == Profile::Default).map(|(_, dict)| dict).unwrap_or_default();
    Ok(merged(&figment, Figure::Dict(Tag::Default, dict)))
}

/// A layer, as figment wants it. figment merges tables key by key, but a secret or a rate limit is one value even where it
/// is written as a table: every value travels as a list of one, which figment replaces whole.
struct Provided<'a> {
    position: usize,
    root: &'a Node,
    shape: Shape<'a>,
}

impl Provider for Provided<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.position.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let Figure::Dict(_, dict) = figure(self.root, Some(self.shape)).map_err(|error| *error)? else { return Ok(Map::new()) };
        Ok([(Profile::Default, dict)].into_iter().collect())
    }
}

fn figure(node: &Node, shape: Option<Shape<'_>>) -> Result<Figure, Box<figment::Error>> {
    let (Content::Table(table), Some(shape)) = (&node.content, shape.filter(|shape| shape.is_section())) else {
        return Ok(Figure::Array(Tag::Default, vec![Figure::serialize(node.json()).map_err(Box::new)?]));
    };
    let table_shape = shape.alternatives().first().copied();
    let entry = |(key, node): (&String, &Node)| {
        let below = table_shape.and_then(|shape| shape.property(key));
        // A platform whose type nobody knows is a section all the same: what is missing may be its type.
        let below = below.or(shape.is_platforms().then(|| shape.untyped()));
        Ok((key.clone(), figure(node, below)?))
    };
    Ok(Figure::Dict(Tag::Default, table.iter().map(entry).collect::<Result<_, Box<figment::Error>>>()?))
}

fn merged(figment: &Figment, figure: Figure) -> Merged {
    match figure {
        Figure::Dict(_, dict) => Merged::Section(dict.into_iter().map(|(key, figure)| (key, merged(figment, figure))).collect()),
        Figure::Array(tag, mut list) => {
            let layer = figment.get_metadata(tag).and_then(|metadata| metadata.name.parse().ok()).unwrap_or_default();
            let value = list.pop().and_then(|figure| serde_json::to_value(figure).ok()).unwrap_or_default();
            Merged::Value { value, layer }
        }
        other => Merged::Value { value: serde_json::to_value(other).unwrap_or_default(), layer: 0 },
    }
}

impl Merged {
    /// The values without their sources.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Section(keys) => Value::Object(keys.iter().map(|(key, merged)| (key.clone(), merged.json())).collect()),
            Self::Value { value, .. } => value.clone(),
        }
    }

    /// What is at the end of a path of sections.
    pub(crate) fn find<S: AsRef<str>>(&self, path: &[S]) -> Option<&Self> {
        path.iter().try_fold(self, |merged, key| merged.section()?.get(key.as_ref()))
    }

    /// The keys of this section, if it is one.
    pub(crate) fn section(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Section(keys) = self { Some(keys) } else { None }
    }

    /// Every value with its path and the position of its layer, in alphabetical order of paths.
    pub(crate) fn values(&self) -> Vec<(Vec<String>, &Value, usize)> {
        let mut found = Vec::new();
        self.collect(&mut Vec::new(), &mut found);
        found
    }

    fn collect<'a>(&'a self, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, &'a Value, usize)>) {
        match self {
            Self::Value { value, layer } => found.push((path.clone(), value, *layer)),
            Self::Section(keys) => {
                for (key, merged) in keys {
                    path.push(key.clone());
                    merged.collect(path, found);
                    path.pop();
                }
            }
        }
    }
}
