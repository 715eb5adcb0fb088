//! YAML that is out to do harm.

/// A text, of whatever size is asked for, and what must become of it.
pub struct Enemy {
    /// Short, stable, in plain words.
    pub name: &'static str,
    /// Makes the text.
    pub make: fn(usize) -> Vec<u8>,
    /// The size at which it is tried.
    pub size: usize,
    /// What the front end says.
    pub want: Want,
}

impl Enemy {
    /// Whether it is so large that refusing it on one way is enough for every day.
    pub fn is_large_and_refused(&self) -> bool {
        self.want != Want::Take && self.size > 50_000
    }

    /// The text: in everyday runs, a smaller one of those that are taken.
    pub fn text(&self, whole: bool) -> Vec<u8> {
        let small = self.want == Want::Take && self.size > 1000 && !whole;
        (self.make)(if small { self.size / 16 } else { self.size })
    }
}

/// What the front end does with a text.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Want {
    /// Refuses it with this code.
    Refuse(&'static str),
    /// Takes it; the layers behind see to it.
    Take,
}

use Want::{Refuse, Take};

const MIB: usize = 1 << 20;

fn enemy(name: &'static str, size: usize, want: Want, make: fn(usize) -> Vec<u8>) -> Enemy {
    Enemy {
        name,
        make,
        size,
        want,
    }
}

fn fixed(name: &'static str, want: Want, make: fn(usize) -> Vec<u8>) -> Enemy {
    enemy(name, 0, want, make)
}

/// Levels of lists, each of `wide` aliases to the one before.
fn bomb(levels: usize, wide: usize) -> Vec<u8> {
    let mut text = format!("a0: &a0 [{}]\n", vec!["lol"; wide].join(","));
    for level in 1..levels {
        let aliases = vec![format!("*a{}", level - 1); wide].join(",");
        text += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    text.into_bytes()
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    let mut out = String::new();
    for i in 0..count {
        out += &line(i);
    }
    out.into_bytes()
}

/// A text around a long middle part, `n` bytes in all.
fn around(head: &str, middle: &str, tail: &str, n: usize) -> Vec<u8> {
    let times = n.saturating_sub(head.len() + tail.len()) / middle.len();
    format!("{head}{}{tail}", middle.repeat(times)).into_bytes()
}

fn utf16(mark: [u8; 2], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let units = "mcpservers: []\n".encode_utf16().flat_map(unit);
    mark.into_iter().chain(units).collect()
}

/// All of them.
pub fn enemies() -> Vec<Enemy> {
    let mut all = bombs();
    all.extend(nesting());
    all.extend(masses());
    all.extend(long_things());
    all.extend(refused_words());
    all.extend(encodings());
    all.extend(oddities());
    all
}

fn bombs() -> Vec<Enemy> {
    vec![
        enemy(
            "alias bomb, 9 levels of 9",
            9,
            Refuse("too-many-nodes"),
            |n| bomb(n, 9),
        ),
        enemy(
            "alias bomb, 20 levels of 2",
            20,
            Refuse("too-many-nodes"),
            |n| bomb(n, 2),
        ),
        enemy(
            "alias bomb, 2 levels of 10000",
            10_000,
            Refuse("too-many-nodes"),
            |n| bomb(2, n),
        ),
        enemy("alias bomb, mappings", 9, Refuse("too-many-nodes"), |n| {
            lines(n, |i| match i {
                0 => "a0: &a0 {x: lol}\n".to_owned(),
                _ => {
                    let members: Vec<_> = (0..9).map(|k| format!("k{k}: *a{}", i - 1)).collect();
                    format!("a{i}: &a{i} {{{}}}\n", members.join(", "))
                }
            })
        }),
        enemy(
            "a text of 256 KiB and 100000 aliases to it",
            100_000,
            Refuse("too-large"),
            |n| {
                format!(
                    "a: &a {}\nb: [{}]\n",
                    "x".repeat(256 << 10),
                    "*a,".repeat(n)
                )
                .into_bytes()
            },
        ),
        enemy(
            "aliases that nest one deeper each",
            1000,
            Refuse("too-deep"),
            |n| {
                lines(n, |i| match i {
                    0 => "a0: &a0 [x]\n".to_owned(),
                    _ => format!("a{i}: &a{i} [*a{}]\n", i - 1),
                })
            },
        ),
        enemy(
            "anchors within anchors",
            31,
            Refuse("too-many-nodes"),
            |n| {
                let open: String = (0..n).map(|i| format!("&a{i} [")).collect();
                format!("{open}{}{}\n", "1,".repeat(20_000), "]".repeat(n)).into_bytes()
            },
        ),
        enemy("30000 anchors", 30_000, Take, |n| {
            lines(n, |i| format!("- &a{i} x\n- *a{i}\n"))
        }),
        enemy("one anchor 30000 times", 30_000, Take, |n| {
            lines(n, |_| "- &a x\n".to_owned())
        }),
        fixed("an anchor that refers to itself", Refuse("syntax"), |_| {
            b"a: &a [*a]\n".to_vec()
        }),
        fixed(
            "an anchor that refers to itself as a key",
            Refuse("syntax"),
            |_| b"a: &a {*a : 1}\n".to_vec(),
        ),
        fixed("an alias to nothing", Refuse("syntax"), |_| {
            b"a: *b\n".to_vec()
        }),
    ]
}

fn unknown_fields(n: usize) -> Vec<u8> {
    let entry = b"catalogs:\n  mcp:\n    sources:\n    - id: new\n".to_vec();
    [entry, lines(n, |i| format!("      nam{i}: 1\n"))].concat()
}

fn nesting() -> Vec<Enemy> {
    const DEEP: usize = 20_000;
    let deep = |name, make| enemy(name, DEEP, Refuse("too-deep"), make);
    vec![
        deep("flow lists, nested", |n| "[".repeat(n).into_bytes()),
        deep("flow lists, nested and closed", |n| {
            [b"[".repeat(n), b"]".repeat(n)].concat()
        }),
        deep("flow mappings, nested", |n| "{a: ".repeat(n).into_bytes()),
        deep("flow, mixed", |n| "[{a: ".repeat(n / 2).into_bytes()),
        deep("flow lists as keys", |n| "{? [".repeat(n / 2).into_bytes()),
        deep("block lists on one line", |n| "- ".repeat(n).into_bytes()),
        deep("explicit keys on one line", |n| "? ".repeat(n).into_bytes()),
        deep("dashes and question marks", |n| {
            "- ? ".repeat(n / 2).into_bytes()
        }),
        enemy("block mappings, nested", 1_400, Refuse("too-deep"), |n| {
            lines(n, |i| format!("{}k:\n", " ".repeat(i)))
        }),
        enemy("block lists, nested", 1_400, Refuse("too-deep"), |n| {
            lines(n, |i| format!("{}-\n", " ".repeat(i)))
        }),
        enemy("block, then flow", DEEP, Refuse("too-deep"), |n| {
            [
                lines(20, |i| format!("{}k:\n", " ".repeat(i))),
                b" ".repeat(20),
                b"[".repeat(n),
            ]
            .concat()
        }),
    ]
}

fn masses() -> Vec<Enemy> {
    vec![
        enemy("a million keys", 1_000_000, Refuse("too-large"), |n| {
            lines(n, |i| format!("k{i}: 1\n"))
        }),
        enemy("110000 keys", 110_000, Refuse("too-many-nodes"), |n| {
            lines(n, |i| format!("k{i}:\n"))
        }),
        enemy("90000 unknown keys", 90_000, Take, |n| {
            lines(n, |i| format!("k{i}:\n"))
        }),
        enemy(
            "a source with 50000 unknown fields",
            50_000,
            Take,
            unknown_fields,
        ),
        enemy("30000 sources with unknown fields", 30_000, Take, |n| {
            [
                b"mcp_catalogs:\n".to_vec(),
                lines(n, |i| format!("- {{id: s{i}, nam: a}}\n")),
            ]
            .concat()
        }),
        enemy("90000 keys in a flow mapping", 90_000, Take, |n| {
            [b"{".to_vec(), lines(n, |i| format!("k{i},")), b"}".to_vec()].concat()
        }),
        enemy(
            "one key 200000 times",
            200_000,
            Refuse("duplicate-key"),
            |n| "a: \n".repeat(n).into_bytes(),
        ),
        enemy("a list of 500000", 500_000, Refuse("too-many-nodes"), |n| {
            format!("[{}]", "1,".repeat(n)).into_bytes()
        }),
        enemy(
            "a block list of 300000",
            300_000,
            Refuse("too-many-nodes"),
            |n| "-\n".repeat(n).into_bytes(),
        ),
        enemy("180000 empty lists", 180_000, Take, |n| {
            format!("[{}]", "[],".repeat(n)).into_bytes()
        }),
        enemy(
            "300000 empty mappings",
            300_000,
            Refuse("too-many-nodes"),
            |n| format!("[{}]", "{},".repeat(n)).into_bytes(),
        ),
        enemy(
            "10000 documents",
            10_000,
            Refuse("multiple-documents"),
            |n| "--- a\n".repeat(n).into_bytes(),
        ),
        enemy(
            "300000 empty documents",
            300_000,
            Refuse("multiple-documents"),
            |n| "---\n".repeat(n * 4 / 5).into_bytes(),
        ),
        enemy("200000 ends of documents", 200_000, Take, |n| {
            "...\n".repeat(n).into_bytes()
        }),
        enemy("400000 comments", 400_000, Take, |n| {
            "#\n".repeat(n).into_bytes()
        }),
        enemy("50000 entries, each with a comment", 50_000, Take, |n| {
            lines(n, |i| format!("- a{i} #\n"))
        }),
        enemy("20000 block scalars", 20_000, Take, |n| {
            "- |\n a\n".repeat(n).into_bytes()
        }),
        enemy("30000 tag directives", 30_000, Refuse("syntax"), |n| {
            [
                lines(n, |i| format!("%TAG !a{i}! tag:x:\n")),
                b"a\n".to_vec(),
            ]
            .concat()
        }),
        enemy("30000 reserved directives", 30_000, Take, |n| {
            ["%FOO bar\n".repeat(n).into_bytes(), b"---\na\n".to_vec()].concat()
        }),
    ]
}

fn long_things() -> Vec<Enemy> {
    vec![
        enemy("a plain text of 1 MiB", MIB, Take, |n| {
            around("a: ", "x", "\n", n)
        }),
        enemy("a plain text of many words", MIB, Take, |n| {
            around("a: ", "x ", "x\n", n)
        }),
        enemy("a plain text of many lines", MIB, Take, |n| {
            around("a: x\n", " x\n", "", n)
        }),
        enemy("a plain text with many empty lines", MIB, Take, |n| {
            around("a: x\n", "\n", " x\n", n)
        }),
        enemy("a text of 1 MiB in single quotes", MIB, Take, |n| {
            around("a: '", "''", "'\n", n)
        }),
        enemy("a text of 1 MiB in double quotes", MIB, Take, |n| {
            around("a: \"", "\\u00e9", "\"\n", n)
        }),
        enemy("a quoted text of many lines", MIB, Take, |n| {
            around("a: \"", "\\\n ", "\"\n", n)
        }),
        enemy(
            "a quoted text that never ends",
            MIB,
            Refuse("syntax"),
            |n| around("a: \"", "x\n ", "", n),
        ),
        enemy("quotes that never end", MIB, Refuse("syntax"), |n| {
            around("", "\"x: ", "", n)
        }),
        enemy("a block text of 1 MiB", MIB, Take, |n| {
            around("a: |\n", "  x\n", "", n)
        }),
        enemy("a block text of one line", MIB, Take, |n| {
            around("a: |\n  ", "x", "\n", n)
        }),
        enemy("a block text of empty lines", MIB, Take, |n| {
            around("a: |+\n", "\n", "", n)
        }),
        enemy("a folded text", MIB, Take, |n| {
            around("a: >\n", "  x\n\n", "", n)
        }),
        enemy("a folded text with deeper lines", MIB, Take, |n| {
            around("a: >\n  x\n", "   x\n", "", n)
        }),
        enemy("a plain key of 1 MiB", MIB, Refuse("syntax"), |n| {
            around("", "x", ": 1\n", n)
        }),
        enemy("a quoted key of 1 MiB", MIB, Refuse("syntax"), |n| {
            around("\"", "x", "\": 1\n", n)
        }),
        enemy("an explicit key of 1 MiB", MIB, Take, |n| {
            around("? ", "x", "\n: 1\n", n)
        }),
        enemy("a comment of 1 MiB", MIB, Take, |n| {
            around("#", "x", "\n", n)
        }),
        enemy("spaces", MIB, Take, |n| around("a:", " ", "1\n", n)),
        enemy("empty lines", MIB, Take, |n| around("a: 1\n", "\n", "", n)),
        enemy("tabs", MIB, Take, |n| around("a:", "\t", "1\n", n)),
        enemy("carriage returns", MIB, Take, |n| {
            around("a: 1", "\r", "", n)
        }),
        enemy("an anchor of 1 MiB", MIB, Take, |n| {
            around("a: &", "x", " 1\n", n)
        }),
        enemy("a tag of 1 MiB", MIB, Refuse("tag"), |n| {
            around("a: !", "x", " 1\n", n)
        }),
        enemy("a verbatim tag of 1 MiB", MIB, Refuse("tag"), |n| {
            around("a: !<", "x", "> 1\n", n)
        }),
        enemy("a tag of escapes", MIB, Refuse("tag"), |n| {
            around("a: !", "%41", " 1\n", n)
        }),
        enemy("a directive of 1 MiB", MIB, Refuse("syntax"), |n| {
            around("%FOO ", "x", "\n--- 1\n", n)
        }),
        enemy(
            "a number of 1 MiB",
            MIB,
            Refuse("number-out-of-range"),
            |n| around("a: ", "9", "\n", n),
        ),
        enemy("a fraction of 1 MiB", MIB, Take, |n| {
            around("a: 0.", "9", "\n", n)
        }),
        enemy(
            "an exponent of 1 MiB",
            MIB,
            Refuse("number-out-of-range"),
            |n| around("a: 1e", "9", "\n", n),
        ),
        enemy("one line of flow", MIB, Refuse("duplicate-key"), |n| {
            around("{", "a: 1, ", "}\n", n)
        }),
        enemy("commas", MIB, Refuse("syntax"), |n| {
            around("[", ",", "]\n", n)
        }),
        enemy("colons", MIB, Take, |n| around("a: ", ":", "x\n", n)),
        enemy("colons and spaces", MIB, Refuse("syntax"), |n| {
            around("", "a: ", "\n", n)
        }),
        enemy("dashes", MIB, Take, |n| around("a: ", "-", "\n", n)),
        enemy("brackets that close", MIB, Refuse("syntax"), |n| {
            around("", "]", "\n", n)
        }),
        enemy("ampersands", MIB, Refuse("syntax"), |n| {
            around("a: ", "& ", "\n", n)
        }),
        enemy("indicators of block texts", MIB, Refuse("syntax"), |n| {
            around("a: ", "> ", "\n", n)
        }),
        enemy("backslashes", MIB, Take, |n| {
            around("a: \"", "\\\\", "\"\n", n)
        }),
        enemy("over the limit", MIB + 1, Refuse("too-large"), |n| {
            around("#", "x", "", n)
        }),
    ]
}

fn refused_words() -> Vec<Enemy> {
    macro_rules! text {
        ($name:expr, $want:expr, $text:expr) => {
            fixed($name, $want, |_| $text.as_bytes().to_vec())
        };
    }
    vec![
        text!(
            "a duplicate key",
            Refuse("duplicate-key"),
            "a: 1\nb: 2\na: 3\n"
        ),
        text!(
            "a duplicate key in other quotes",
            Refuse("duplicate-key"),
            "a: 1\n\"\\x61\": 3\n"
        ),
        text!(
            "a duplicate key through an alias",
            Refuse("duplicate-key"),
            "- &a k\n- {*a : 1, k: 2}\n"
        ),
        text!(
            "a merge key",
            Refuse("merge-key"),
            "a: &a {b: 1}\nc: {<<: *a}\n"
        ),
        text!(
            "a merge key of a list",
            Refuse("merge-key"),
            "a: &a {b: 1}\nc: {<<: [*a, *a]}\n"
        ),
        text!(
            "a tagged merge key",
            Refuse("tag"),
            "a: {!!merge <<: {b: 1}}\n"
        ),
        text!(
            "a Python object",
            Refuse("tag"),
            "a: !!python/object/apply:os.system [\"id\"]\n"
        ),
        text!(
            "a Python name",
            Refuse("tag"),
            "a: !!python/name:os.system\n"
        ),
        text!(
            "a Ruby object",
            Refuse("tag"),
            "a: !ruby/object:Gem::Installer {i: x}\n"
        ),
        text!(
            "a Java object",
            Refuse("tag"),
            "a: !!javax.script.ScriptEngineManager [x]\n"
        ),
        text!("binary", Refuse("tag"), "a: !!binary aGVsbG8=\n"),
        text!("a timestamp", Refuse("tag"), "a: !!timestamp 2024-01-01\n"),
        text!("a set", Refuse("tag"), "a: !!set {x, y}\n"),
        text!(
            "a verbatim tag",
            Refuse("tag"),
            "a: !<tag:example.com,2024:x> 1\n"
        ),
        text!("an unknown handle", Refuse("syntax"), "a: !e!x 1\n"),
        text!(
            "a handle made the core's",
            Refuse("tag"),
            "%TAG !! tag:example.com,2024:\n---\na: !!int 1\n"
        ),
        text!("an include", Refuse("tag"), "a: !include /etc/passwd\n"),
        text!("infinity", Refuse("number-out-of-range"), "a: .inf\n"),
        text!(
            "minus infinity",
            Refuse("number-out-of-range"),
            "a: -.INF\n"
        ),
        text!("no number", Refuse("number-out-of-range"), "a: .NaN\n"),
        text!("1e999", Refuse("number-out-of-range"), "a: 1e999\n"),
        text!(
            "1e999 with a tag",
            Refuse("number-out-of-range"),
            "a: !!float 1e999\n"
        ),
        text!("a tab as indentation", Refuse("syntax"), "a:\n\tb: 1\n"),
        text!("a list as a key", Refuse("key-not-scalar"), "{[a]: 1}\n"),
        text!("null as a key", Refuse("key-not-scalar"), "~: 1\n"),
        text!("YAML 3", Refuse("syntax"), "%YAML 3.0\n---\na: 1\n"),
        text!(
            "two directives",
            Refuse("syntax"),
            "%YAML 1.2\n%YAML 1.2\n---\na: 1\n"
        ),
        text!(
            "a directive in the text",
            Refuse("syntax"),
            "a: 1\n%YAML 1.2\n---\n"
        ),
        text!(
            "a NEL instead of a line end",
            Refuse("syntax"),
            "a: 1\u{85}b: 2\n"
        ),
        text!(
            "a second document",
            Refuse("multiple-documents"),
            "a: 1\n---\na: 1\n"
        ),
        text!(
            "a document after the end",
            Refuse("multiple-documents"),
            "a: 1\n...\na: 1\n"
        ),
    ]
}

fn encodings() -> Vec<Enemy> {
    macro_rules! bytes {
        ($name:expr, $code:expr, $bytes:expr) => {
            fixed($name, Refuse($code), |_| $bytes.to_vec())
        };
    }
    vec![
        fixed("UTF-16, little end first", Refuse("not-utf8"), |_| {
            utf16([0xff, 0xfe], u16::to_le_bytes)
        }),
        fixed("UTF-16, big end first", Refuse("not-utf8"), |_| {
            utf16([0xfe, 0xff], u16::to_be_bytes)
        }),
        bytes!(
            "UTF-16 without a mark",
            "control-character",
            b"a\0:\0 \x001\0\n\0"
        ),
        bytes!("UTF-32", "not-utf8", b"\xff\xfe\0\0a\0\0\0:\0\0\0"),
        bytes!(
            "UTF-32, big end first",
            "control-character",
            b"\0\0\0a\0\0\0:\0\0\0 "
        ),
        bytes!("Latin-1", "not-utf8", b"a: caf\xe9\n"),
        bytes!("an overlong slash", "not-utf8", b"a: \xc0\xaf\n"),
        bytes!("a surrogate", "not-utf8", b"a: \xed\xa0\x80\n"),
        bytes!("beyond Unicode", "not-utf8", b"a: \xf4\x90\x80\x80\n"),
        bytes!("half a character at the end", "not-utf8", b"a: \xe2\x82"),
        bytes!("a NUL", "control-character", b"a: x\0y\n"),
        bytes!("a NUL in a comment", "control-character", b"a: 1 # \0\n"),
        bytes!("a NUL at the end", "control-character", b"a: 1\n\0"),
        bytes!("an escape sequence", "control-character", b"a: \x1b[2J\n"),
        bytes!("a C1 control", "control-character", b"a: \xc2\x9b2J\n"),
        bytes!(
            "a byte order mark in the middle",
            "control-character",
            b"a: 1\n\xef\xbb\xbfb: 2\n"
        ),
        bytes!(
            "two byte order marks",
            "control-character",
            b"\xef\xbb\xbf\xef\xbb\xbfa: 1\n"
        ),
        bytes!("a non-character", "control-character", b"a: \xef\xbf\xbe\n"),
    ]
}

fn oddities() -> Vec<Enemy> {
    macro_rules! text {
        ($name:expr, $text:expr) => {
            fixed($name, Take, |_| $text.as_bytes().to_vec())
        };
    }
    vec![
        text!("nothing", ""),
        text!("a byte order mark and nothing", "\u{feff}"),
        text!("only a comment", "# nothing"),
        text!("a text", "just text"),
        text!("a list", "- a\n- b\n"),
        text!("NEL and LS in texts", "a: x\u{85}y\nb: \"x\u{2028}y\"\n"),
        text!(
            "escaped control characters",
            "a: \"\\0\\a\\e[2J\\N\\L\"\nb: \"\\uFEFF\"\n"
        ),
        text!("a null named by a tag", "a: !!null\n"),
        text!(
            "prototype pollution",
            "__proto__: {x: 1}\nconstructor: {prototype: {}}\n"
        ),
        text!("a format string", "a: '{} %s %n ${x} {{y}}'\n\"{}\": 1\n"),
    ]
}
