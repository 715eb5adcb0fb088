use serde_json::{Value as Json, json};

use super::*;

fn path(steps: &str) -> Path {
    steps
        .split('.')
        .fold(Path::root(), |path, step| match step.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.key(step),
        })
}

fn set_to(text: &str, at: &str, value: Json) -> String {
    set(text, &path(at), &value, &Limits::default()).unwrap()
}

#[test]
fn a_scalar_changes_alone() {
    for (before, at, value, after) in [
        ("a: 1 # c\nb: 2", "a", json!("x y"), "a: x y # c\nb: 2"),
        ("a: \"x\"\t# c\n", "a", json!("y"), "a: \"y\"\t# c\n"),
        ("a: 'x'\n", "a", json!("it's"), "a: 'it''s'\n"),
        ("a: 'x'\n", "a", json!("two\nlines"), "a: \"two\\nlines\"\n"),
        ("a: 'x'\n", "a", json!(true), "a: true\n"),
        ("a: x\n", "a", json!("yes"), "a: \"yes\"\n"),
        (
            "a: |\n  x\n  y\nb: 1\n",
            "a",
            json!("z\n\nw\n"),
            "a: |\n  z\n\n  w\nb: 1\n",
        ),
        ("a: |\n  x\n  y\nb: 1\n", "a", json!("z"), "a: z\nb: 1\n"),
        ("a:\nb: 1\n", "a", json!(1), "a: 1\nb: 1\n"),
        ("a: # c\nb: 1\n", "a", json!(1), "a: 1 # c\nb: 1\n"),
        ("a: ~ # c\n", "a", json!(1), "a: 1 # c\n"),
        ("{a: 1, b}\n", "b", json!(1), "{a: 1, b: 1}\n"),
        ("{\"a\": 1}\n", "a", json!("x"), "{\"a\": \"x\"}\n"),
        ("a: \"x\n  y\" # c\n", "a", json!("z"), "a: \"z\" # c\n"),
    ] {
        assert_eq!(set_to(before, at, value), after, "{before}");
    }
}

#[test]
fn a_collection_changes_piece_by_piece() {
    for (before, at, value, after) in [
        (
            "a:\n  x: 1 # one\n  # two\n  y: 'q'\n",
            "a",
            json!({"x": 2, "y": "q", "z": [1]}),
            "a:\n  x: 2 # one\n  # two\n  y: 'q'\n  z:\n    - 1\n",
        ),
        (
            "a:\n    - \"x\" # one\n    - \"y\"  # two\n    - \"z\" # three\n",
            "a",
            json!(["y", "w", "z"]),
            "a:\n    - \"y\"  # two\n    - \"w\"\n    - \"z\" # three\n",
        ),
        ("a: [x, y] # c\n", "a", json!(["y", "z"]), "a: [y, z] # c\n"),
        (
            "a: ['x'] # c\n",
            "a",
            json!(["w", "x"]),
            "a: ['w', 'x'] # c\n",
        ),
        ("a: {x: 1, y: 2}\n", "a", json!({"y": 3}), "a: {y: 3}\n"),
        (
            "a:\n- x\nb: 1\n",
            "a",
            json!(["x", "w"]),
            "a:\n- x\n- w\nb: 1\n",
        ),
        ("a:\n- x\nb: 1\n", "a", json!([]), "a: []\nb: 1\n"),
        (
            "a: # c\n  - x\n  - y\nb: 1\n",
            "a",
            json!([]),
            "a: [] # c\nb: 1\n",
        ),
        (
            "a: [] # c\nb: 1\n",
            "a",
            json!(["x"]),
            "a: # c\n  - x\nb: 1\n",
        ),
        (
            "a: 1 # c\nb: 1",
            "a",
            json!({"x": 1}),
            "a: # c\n  x: 1\nb: 1",
        ),
        ("b: 1\na: # c", "a", json!([1]), "b: 1\na: # c\n  - 1"),
        ("a:\n- x\n", "a", json!({"k": 1}), "a:\n  k: 1\n"),
        (
            "a:\r\n  x: 1\r\n",
            "a",
            json!({"x": 1, "z": [2]}),
            "a:\r\n  x: 1\r\n  z:\r\n    - 2\r\n",
        ),
    ] {
        assert_eq!(set_to(before, at, value), after, "{before}");
    }
}

#[test]
fn what_is_missing_on_the_way_is_added() {
    for (before, at, after) in [
        ("", "a.b", "a:\n  b: 1\n"),
        ("\u{feff}", "a.b", "\u{feff}a:\n  b: 1\n"),
        ("# c", "a.b", "# c\na:\n  b: 1\n"),
        ("---\n", "a.b", "---\na:\n  b: 1\n"),
        ("a:\n", "a.b", "a:\n  b: 1\n"),
        ("a: {}\n", "a.b", "a:\n  b: 1\n"),
        ("a:\n    c: 1\n", "b.x", "a:\n    c: 1\nb:\n    x: 1\n"),
        ("{\"a\": {}}", "a.b", "{\"a\": {\"b\": 1}}"),
        ("{\n  \"a\": 1\n}\n", "b", "{\n  \"a\": 1,\n  \"b\": 1\n}\n"),
    ] {
        assert_eq!(set_to(before, at, json!(1)), after, "{before}");
    }
}

#[test]
fn an_item_goes_with_its_lines() {
    for (before, at, after) in [
        (
            "a:\n  # one\n  - x # 1\n  # two\n  - y\n",
            "a.0",
            "a:\n  # one\n  # two\n  - y\n",
        ),
        (
            "a:\n- k: 1\n  # mine\n# not mine\n- y",
            "a.0",
            "a:\n# not mine\n- y",
        ),
        (
            "a: # c\n  # one\n  - x\nb: 1\n",
            "a.0",
            "a: [] # c\n  # one\nb: 1\n",
        ),
        ("a: [x, y]\n", "a.0", "a: [y]\n"),
        ("a: [x, y]\n", "a.1", "a: [x]\n"),
        ("a: [x]\n", "a.0", "a: []\n"),
        ("a:\n-\n  # c\n  k: 1\n- y\n", "a.0", "a:\n- y\n"),
        ("a:\n  - - x\n    - y\n", "a.0.0", "a:\n  - - y\n"),
        (
            "a:\n  - k: 1 # c\n    # d\n    m: 2\n",
            "a.0.k",
            "a:\n  -\n    # d\n    m: 2\n",
        ),
        ("a:\n  k: 1 # c\n  m: 2\n", "a.k", "a:\n  m: 2\n"),
        ("a:\n  k: 1 # c\nb: 1\n", "a.k", "a: {} # c\nb: 1\n"),
        (
            "{\"a\": [\n  {\"k\": 1},\n  {\"k\": 2}\n]}\n",
            "a.1",
            "{\"a\": [\n  {\"k\": 1}\n]}\n",
        ),
    ] {
        let after = Ok(after.to_owned());
        assert_eq!(
            remove(before, &path(at), &Limits::default()),
            after,
            "{before}"
        );
    }
}

#[test]
fn a_member_of_a_flow_collection_takes_no_comment_of_another_along() {
    for (before, at, after) in [
        (
            "a: [\n  # one\n  x, # of x\n  # two\n  y, # of y\n  # three\n  z # of z\n]\n",
            "a.1",
            "a: [\n  # one\n  x, # of x\n  # two\n  # three\n  z # of z\n]\n",
        ),
        (
            "a: [\n  x, # of x\n  # two\n  y # of y\n  # end\n]\n",
            "a.1",
            "a: [\n  x # of x\n  # two\n  # end\n]\n",
        ),
        (
            "a: [\n  # one\n  x, # of x\n  # two\n  y,\n]\n",
            "a.0",
            "a: [\n  # one\n  # two\n  y,\n]\n",
        ),
        (
            "a: {\n  k: 1, # of k\n  # about l\n  l: 2, # of l\n  # about m\n  m: 3\n}\n",
            "a.l",
            "a: {\n  k: 1, # of k\n  # about l\n  # about m\n  m: 3\n}\n",
        ),
        (
            "{\r\n  \"a\": [\r\n    1,\r\n    2\r\n  ]\r\n}\r\n",
            "a.1",
            "{\r\n  \"a\": [\r\n    1\r\n  ]\r\n}\r\n",
        ),
    ] {
        let edited = remove(before, &path(at), &Limits::default());
        assert_eq!(edited, Ok(after.to_owned()), "{before}");
    }
    for (text, at) in [
        ("a: [x, # of x\n  y]\n", "a.1"),
        ("a: [ # of the list\n  x]\n", "a.0"),
        ("a: {k: 1, # of k\n  l: 2}\n", "a.l"),
    ] {
        let edited = remove(text, &path(at), &Limits::default());
        assert_eq!(edited, Err(NotInPlace), "{text}");
    }
}

#[test]
fn an_item_is_appended_in_the_style_of_the_list() {
    let item = json!({"id": "new", "p": {"q": 1}});
    for (before, after) in [
        (
            "a:\n  - id: x\n",
            "a:\n  - id: x\n  - id: new\n    p:\n      q: 1\n",
        ),
        (
            "a:\n- id: x\nb: 1",
            "a:\n- id: x\n- id: new\n  p:\n    q: 1\nb: 1",
        ),
        (
            "a:\n  -   id: x",
            "a:\n  -   id: x\n  -   id: new\n      p:\n        q: 1",
        ),
        (
            "a:\n  - id: x\n\n  # c\n  - id: y # d\n    # e\n  # f\n",
            "a:\n  - id: x\n\n  # c\n  - id: y # d\n    # e\n\n  - id: new\n    p:\n      q: 1\n  # f\n",
        ),
        (
            "a: [{id: x}] # c\n",
            "a: [{id: x}, {id: new, p: {q: 1}}] # c\n",
        ),
        ("a: [ ] # c\n", "a: # c\n  - id: new\n    p:\n      q: 1\n"),
        (
            "a:\n\n# c\nb: 1\n",
            "a:\n  - id: new\n    p:\n      q: 1\n\n# c\nb: 1\n",
        ),
        (
            "{\"a\": [\n\t{\"id\": \"x\"}\n]}",
            "{\"a\": [\n\t{\"id\": \"x\"},\n\t{\"id\": \"new\", \"p\": {\"q\": 1}}\n]}",
        ),
    ] {
        let edited = append(before, &path("a"), &item, &Limits::default());
        assert_eq!(edited, Ok(after.to_owned()), "{before}");
    }
}

#[test]
fn an_item_text_goes_out_and_comes_back() {
    let text =
        "a:\n  - id: x # c\n    p: |\n      one\n\n      two\n    # mine\n  # not\n  - id: y\n";
    let limits = Limits::default();
    let raw = item_text(&parse(text, &limits).unwrap(), &path("a.0")).unwrap();
    assert_eq!(raw, "id: x # c\np: |\n  one\n\n  two\n# mine");
    assert_eq!(
        put_item_text(text, &path("a.0"), &raw, &limits).as_deref(),
        Ok(text)
    );
    let moved = put_item_text("b:\r\n- id: z", &path("b.0"), &raw, &limits);
    let expected = "b:\r\n- id: x # c\r\n  p: |\r\n    one\r\n\r\n    two\r\n  # mine";
    assert_eq!(moved.as_deref(), Ok(expected));
    let added = append_item_text("b: []\n", &path("b"), &raw, &limits);
    let expected = "b:\n  - id: x # c\n    p: |\n      one\n\n      two\n    # mine\n";
    assert_eq!(added.as_deref(), Ok(expected));
}

#[test]
fn what_an_alias_refers_to_is_not_changed() {
    let limits = Limits::default();
    for (text, at) in [
        ("a: &x 1\nb: *x\n", "a"),
        ("a: &x {k: 1}\nb: *x\n", "a.k"),
        ("a: &x {k: 1}\nb: *x\n", "b.k"),
        ("a:\n  - &x 1\n  - *x\n", "a.0"),
    ] {
        assert_eq!(
            set(text, &path(at), &json!(2), &limits),
            Err(NotInPlace),
            "{text}"
        );
    }
    assert_eq!(
        remove("a: [&x 1, 2]\nb: *x\n", &path("a.0"), &limits),
        Err(NotInPlace)
    );
    // The alias itself is no more than a way to write a value.
    assert_eq!(
        set_to("a: &x 1\nb: *x # c\n", "b", json!(2)),
        "a: &x 1\nb: 2 # c\n"
    );
}

#[test]
fn more_changes_than_steps_rewrite_the_value() {
    let before: String = (0..200).map(|i| format!("  k{i}: {i}\n")).collect();
    let value: Json = (0..200).map(|i| (format!("k{i}"), json!(i + 1))).collect();
    let edited = set_to(&format!("a:\n{before}b: 1 # c\n"), "a", value);
    let after: String = (0..200).map(|i| format!("  k{i}: {}\n", i + 1)).collect();
    assert_eq!(edited, format!("a:\n{after}b: 1 # c\n"));
}

#[test]
fn a_new_item_leaves_the_others_as_they_are_or_is_refused() {
    let limits = Limits::default();
    for text in [
        "a: &x [1]\nb: *x\nc: *x\n",
        // The empty line belongs to the text of the last item.
        "a: 1\nc:\n- 1 # one\n- |+\n  two\n\n",
    ] {
        assert_eq!(
            append(text, &path("c"), &json!(2), &limits),
            Err(NotInPlace),
            "{text}"
        );
    }
}
