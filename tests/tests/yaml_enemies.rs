//! Hostile YAML through everything that reads it: the front end, the pipeline and loader of both
//! plugins, the redactor, and `sources.yaml`.

#[allow(dead_code)]
mod yaml_enemies {
    pub mod corpus;
    pub mod paths;
    pub mod process;
}

use std::panic::{AssertUnwindSafe, catch_unwind};

use catalog_core::yaml::{Limits, parse_bytes};
use catalog_core::{PluginName, SourceId};
use catalog_tests::matrix;
use yaml_enemies::corpus::{Enemy, Want, enemies};
use yaml_enemies::paths::{Route, Verdict, walk};
use yaml_enemies::process;

/// Memory over idle that a refusal may take.
const MEMORY_KIB: u64 = 32 << 10;

/// What is wrong with how an enemy was received on this way.
fn received(enemy: &Enemy, route: Route) -> Vec<String> {
    let text = enemy.text(matrix::full());
    let walked = catch_unwind(AssertUnwindSafe(|| walk(route, &text)));
    let Ok(verdict) = walked else {
        return vec!["a panic".to_owned()];
    };
    let mut wrong = Vec::new();
    let Verdict { codes, problems } = verdict;
    wrong.extend(problems);
    match enemy.want {
        Want::Refuse(code) if !codes.iter().any(|found| found == code) => {
            wrong.push(format!("should be refused with {code}, found {codes:?}"));
        }
        Want::Take if route == Route::FrontEnd && !codes.is_empty() => {
            wrong.push(format!("should be taken, found {codes:?}"));
        }
        _ => {}
    }
    let story = |what: String| format!("{}, {route:?}: {what}", enemy.name);
    wrong.into_iter().map(story).collect()
}

fn received_on(route: Route) {
    let mut enemies = enemies();
    // What the front end refuses, nobody behind it sees.
    if route != Route::FrontEnd && !matrix::full() {
        enemies.retain(|enemy| !enemy.is_large_and_refused());
    }
    let violations: Vec<String> = enemies.iter().flat_map(|e| received(e, route)).collect();
    matrix::row(route.row(), enemies.len() as u64, &violations);
}

#[test]
fn the_front_end_refuses_hostile_yaml_with_a_place_or_takes_it_as_documented() {
    received_on(Route::FrontEnd);
}

#[test]
fn hostile_yaml_gets_no_server_into_a_catalog_without_a_word() {
    received_on(Route::Mcp);
}

#[test]
fn hostile_yaml_gets_no_model_into_a_catalog_without_a_word() {
    received_on(Route::Model);
}

#[test]
fn the_redactor_gives_hostile_yaml_back_as_it_was() {
    received_on(Route::Redactor);
}

#[test]
fn hostile_yaml_does_no_harm_as_a_sources_file() {
    received_on(Route::Sources);
}

#[test]
fn what_is_no_utf8_is_refused_at_every_place() {
    let text = "\u{feff}a: 'é' # ü\nb:\r\n  - \"x\"\n  - |\n    🦀\n";
    let (mut tried, mut violations) = (0, Vec::new());
    for at in 0..=text.len() {
        for bad in [
            &b"\xff"[..],
            b"\xc3",
            b"\xed\xa0\x80",
            b"\xf0\x9f\xa6",
            b"\x80",
        ] {
            let bytes = [&text.as_bytes()[..at], bad, &text.as_bytes()[at..]].concat();
            let Err(error) = std::str::from_utf8(&bytes) else {
                continue;
            };
            tried += 1;
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap();
            let lines: Vec<&str> = valid.split('\n').collect();
            let column = lines[lines.len() - 1]
                .trim_start_matches('\u{feff}')
                .chars()
                .count();
            let issue = &parse_bytes(&bytes, &Limits::default()).unwrap_err().issues[0];
            let found = (
                issue.code,
                issue.position.line as usize,
                issue.position.column as usize,
            );
            // A carriage return by itself ends a line; with half a character between it and its line
            // feed it stands by itself.
            if found != ("not-utf8", lines.len(), column + 1) && !valid.ends_with('\r') {
                violations.push(format!("{bad:?} at byte {at}: {found:?}"));
            }
        }
    }
    matrix::row(
        "bytes that are no UTF-8, at every place",
        tried,
        &violations,
    );
}

/// A name, as it is written in YAML, and what becomes of an entity that is called so.
const NAMES: [(&str, Result<&str, &str>); 22] = [
    ("no", Ok("no")),
    ("yes", Ok("yes")),
    ("on", Ok("on")),
    ("017", Ok("017")),
    ("0o17", Ok("0o17")),
    ("0x1f", Ok("0x1f")),
    ("1.10", Ok("1.10")),
    ("1e3", Ok("1e3")),
    (
        "123456789012345678901234567890",
        Ok("123456789012345678901234567890"),
    ),
    ("1_000", Ok("1_000")),
    ("1:30", Ok("1:30")),
    ("2024-01-01", Ok("2024-01-01")),
    ("\"~\"", Ok("~")),
    ("~", Err("required")),
    ("true", Err("wrong-type")),
    ("[a]", Err("wrong-type")),
    ("{a: b}", Err("wrong-type")),
    ("'  '", Err("required")),
    ("1e999", Err("number-out-of-range")),
    (".inf", Err("number-out-of-range")),
    ("\"a\\0b\"", Err("bad-format")),
    ("\"a\\e[2Jb\"", Err("bad-format")),
];

/// Characters that nobody sees, or that turn others around: in every name they deceive.
const DECEIVING: [char; 16] = [
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{115f}',
    '\u{180e}',
    '\u{200b}',
    '\u{200d}',
    '\u{200f}',
    '\u{202e}',
    '\u{2060}',
    '\u{2066}',
    '\u{2800}',
    '\u{3164}',
    '\u{ffa0}',
    '\u{e0001}',
    '\u{e0041}',
];

#[test]
fn a_name_that_deceives_is_refused_wherever_it_stands() {
    let (mut tried, mut violations) = (0, Vec::new());
    for deceiving in DECEIVING {
        let name = format!("a{deceiving}b");
        for route in [Route::Mcp, Route::Model] {
            for written in [
                name.clone(),
                format!("\"a\\U{:08x}b\"", u32::from(deceiving)),
            ] {
                let text = format!("{}:\n- name: {written}\n{}", route.list(), route.fields());
                let (names, verdict) = yaml_enemies::paths::names(route, &text);
                tried += 1;
                if verdict.codes != ["bad-format"]
                    || !names.is_empty()
                    || !verdict.problems.is_empty()
                {
                    violations.push(format!(
                        "entity {written:?}, {route:?}: {:?}",
                        verdict.codes
                    ));
                }
            }
        }
        for (what, found) in yaml_enemies::paths::of_settings(&name) {
            tried += 1;
            if found != ["bad-format"] {
                violations.push(format!("{what} {name:?}: {found:?}"));
            }
        }
        tried += 2;
        if SourceId::new(&name).is_ok() || PluginName::new(&name).is_ok() {
            violations.push(format!("{name:?} is an id"));
        }
        let text = format!("mcp_catalogs:\n- {{id: \"{name}\", name: A, type: yaml}}\n");
        let codes = walk(Route::Sources, text.as_bytes()).codes;
        if codes != ["invalid-id"] {
            violations.push(format!("id {name:?} in sources.yaml: {codes:?}"));
        }
    }
    matrix::row("names that deceive", tried, &violations);
}

/// More than a document may have, where documents may be larger than they usually may.
#[test]
fn a_million_keys_are_refused_by_their_number_too() {
    let text: String = (0..1_000_000).map(|i| format!("k{i}: 1\n")).collect();
    let mut violations = Vec::new();
    let of_size = Limits::default().with_max_bytes(16 << 20);
    for (limits, wanted) in [
        (Limits::default(), Some("too-large")),
        (of_size, Some("too-many-nodes")),
        // As `--max-document-bytes` sets them: the number grows with the size.
        (Limits::for_documents(text.len()), Some("too-many-nodes")),
        (Limits::for_documents(32 << 20), None),
    ] {
        let found = parse_bytes(text.as_bytes(), &limits).map_err(|e| e.issues);
        let fine = match (&found, wanted) {
            (Ok(document), None) => document.root.entries().len() == 1_000_000,
            (Err(issues), Some(code)) => {
                let line = issues[0].position.line;
                issues[0].code == code
                    && (code == "too-large" || (50_000..1_000_000).contains(&line))
            }
            _ => false,
        };
        if !fine {
            let found = found.map(|_| "taken");
            violations.push(format!("wanted {wanted:?}, {found:?}"));
        }
    }
    matrix::row(
        "a million keys, where documents may be large",
        4,
        &violations,
    );
}

#[test]
fn a_name_is_what_was_written_or_refused_with_a_place() {
    let (mut tried, mut violations) = (0, Vec::new());
    for route in [Route::Mcp, Route::Model] {
        for (written, wanted) in NAMES {
            tried += 1;
            let text = format!("{}:\n- name: {written}\n{}", route.list(), route.fields());
            let (names, verdict) = yaml_enemies::paths::names(route, &text);
            let fine = match wanted {
                Ok(name) => verdict.codes.is_empty() && names == [name],
                Err(code) => verdict.codes.iter().any(|found| found == code) && names.is_empty(),
            };
            if !fine || !verdict.problems.is_empty() {
                let Verdict { codes, problems } = verdict;
                violations.push(format!(
                    "{written:?}, {route:?}: {names:?} {codes:?} {problems:?}"
                ));
            }
        }
    }
    matrix::row(
        "names that readers of YAML disagree about",
        tried,
        &violations,
    );
}

/// Each in a process of its own: what it took is read there.
#[test]
fn hostile_yaml_is_refused_within_its_memory() {
    if process::child(|name, route, text| {
        let enemy = enemies()
            .into_iter()
            .find(|enemy| enemy.name == name)
            .unwrap();
        let made = (enemy.make)(process::size().unwrap_or(enemy.size));
        text(&made, &mut |bytes| drop(walk(route, bytes)));
    }) {
        return;
    }
    let name = "hostile YAML, memory of a refusal within 32 MiB";
    if let Some(why) = process::cannot_measure() {
        return matrix::did_not_run(name, &why);
    }
    let (mut tried, mut violations, mut most) = (0, Vec::new(), (0, String::new()));
    let test = "hostile_yaml_is_refused_within_its_memory";
    let control = process::cost(test, process::CONTROL, Route::FrontEnd);
    if control.kib <= MEMORY_KIB {
        violations.push(format!("48 MiB in use are seen as {} KiB", control.kib));
    }
    let routes: &[Route] = match matrix::full() {
        true => &Route::ALL,
        false => &[Route::FrontEnd],
    };
    for enemy in enemies().iter().filter(|enemy| enemy.size > 0) {
        for &route in routes {
            if enemy.want == Want::Take && !matrix::full() {
                continue;
            }
            let cost = process::cost(test, enemy.name, route);
            tried += 1;
            println!(
                "cost: {}, {route:?}: {:.1} ms, {} KiB over idle",
                enemy.name, cost.ms, cost.kib
            );
            if enemy.want != Want::Take && cost.kib > MEMORY_KIB {
                violations.push(format!("{}, {route:?}: {} KiB", enemy.name, cost.kib));
            }
            if cost.kib > most.0 {
                most = (cost.kib, format!("{}, {route:?}", enemy.name));
            }
        }
    }
    println!("most memory over idle: {} KiB, {}", most.0, most.1);
    matrix::row(name, tried, &violations);
}
