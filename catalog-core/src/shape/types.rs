//! The words of the language.

use super::Format;

/// What a value must look like. Everything here can be built in a `const` or `static`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Shape {
    /// Anything, kept as it is.
    Any,
    /// `true` or `false`.
    Bool,
    /// A number, whole or not.
    Number,
    /// A text, a number or a boolean, kept as it is.
    Scalar,
    /// A text; a plain number is taken as it was written.
    Text(Text),
    /// A whole number.
    Int(Int),
    /// A list of values of one shape.
    List(&'static Shape),
    /// A mapping from any keys to values of one shape. A null value counts as absent.
    Map(&'static Shape),
    /// A mapping with known fields.
    Object(&'static Object),
    /// A mapping whose fields depend on the value of one of them.
    Tagged(&'static Tagged),
    /// A [`Shape::Scalar`], or a list or mapping of this shape.
    ScalarOr(&'static Shape),
}

impl Shape {
    /// What it is, in words for messages.
    pub(super) fn wanted(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Scalar => "a text, a number or a boolean",
            Self::Text(_) => "text",
            Self::Int(_) => "a whole number",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Object(_) | Self::Tagged(_) => "a mapping",
            Self::ScalarOr(Shape::List(_)) => "a plain value or a list",
            Self::ScalarOr(_) => "a plain value or a mapping",
        }
    }
}

/// A text and its limits.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    pub(super) non_blank: bool,
    pub(super) max_chars: Option<usize>,
    pub(super) one_of: &'static [&'static str],
    pub(super) ignore_case: bool,
    pub(super) format: Format,
    pub(super) advisory: bool,
}

impl Text {
    /// Any text.
    pub const fn new() -> Self {
        Self {
            non_blank: false,
            max_chars: None,
            one_of: &[],
            ignore_case: false,
            format: Format::Free,
            advisory: false,
        }
    }

    /// Neither empty nor only white space.
    pub const fn non_blank(mut self) -> Self {
        self.non_blank = true;
        self
    }

    /// At most this many characters.
    pub const fn max_chars(mut self, max: usize) -> Self {
        self.max_chars = Some(max);
        self
    }

    /// One of these.
    pub const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.one_of = values;
        self
    }

    /// Lets the values of [`Text::one_of`] be written in any case; [`decode`](super::decode) gives
    /// the spelling of the list.
    pub const fn ignoring_case(mut self) -> Self {
        self.ignore_case = true;
        self
    }

    /// In this format.
    pub const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Makes a text that is too long, in a bad format or not on the list a warning. Not being a
    /// text at all stays an error.
    pub const fn advisory(mut self) -> Self {
        self.advisory = true;
        self
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

/// A whole number and its limits, both included.
#[derive(Debug, Clone, Copy)]
pub struct Int {
    pub(super) min: i64,
    pub(super) max: i64,
}

impl Int {
    /// From `min` to `max`.
    pub const fn between(min: i64, max: i64) -> Self {
        Self { min, max }
    }
}

/// A field of an [`Object`].
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
    pub(super) aliases: &'static [&'static str],
    pub(super) ignored: bool,
}

impl Field {
    /// An optional field; null counts as absent.
    pub const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            required: false,
            aliases: &[],
            ignored: false,
        }
    }

    /// A field that may be there, is not looked at, and does not come out of
    /// [`decode`](super::decode): what the reader of the document decides itself.
    pub const fn ignored(name: &'static str) -> Self {
        Self {
            ignored: true,
            ..Self::new(name, Shape::Any)
        }
    }

    /// Must be there.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Other names that mean the same; using two of them at once is an error.
    pub const fn aliases(mut self, names: &'static [&'static str]) -> Self {
        self.aliases = names;
        self
    }

    /// The field's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn answers_to(&self, key: &str) -> bool {
        self.name == key || self.aliases.contains(&key)
    }
}

/// The fields of a mapping.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    pub(super) fields: &'static [Field],
    pub(super) open: bool,
}

impl Object {
    /// These fields and no others.
    pub const fn new(fields: &'static [Field]) -> Self {
        Self {
            fields,
            open: false,
        }
    }

    /// Lets other fields be, whatever they are; [`decode`](super::decode) keeps them.
    pub const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// The fields.
    pub const fn fields(&self) -> &'static [Field] {
        self.fields
    }

    pub(super) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.answers_to(key))
    }
}

/// What a mapping without its tag is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Untagged {
    /// An error.
    Error,
    /// The variant of this tag, silently.
    Assume(&'static str),
    /// The first variant that knows all of its fields, with a warning; an error if there is none.
    Infer,
}

/// A union: the value of the field `tag` says which fields the mapping has.
#[derive(Debug, Clone, Copy)]
pub struct Tagged {
    pub(super) tag: &'static str,
    pub(super) variants: &'static [(&'static str, Object)],
    pub(super) untagged: Untagged,
}

impl Tagged {
    /// A union of these variants, each with the value of the tag. The fields of a variant do not
    /// repeat the tag.
    pub const fn new(tag: &'static str, variants: &'static [(&'static str, Object)]) -> Self {
        Self {
            tag,
            variants,
            untagged: Untagged::Error,
        }
    }

    /// What a mapping without the tag is.
    pub const fn untagged(mut self, untagged: Untagged) -> Self {
        self.untagged = untagged;
        self
    }
}
