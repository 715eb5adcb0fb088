//! Pages of entities from several sources: every entity once, in the order that was asked for.

use std::fmt::Write as _;

use catalog_tests::Server;

const SOURCES: usize = 5;
const ENTITIES: usize = 13;

/// Sources whose entities interleave, one of them empty, one switched off.
fn prepare(dir: &std::path::Path) {
    let mut sources = String::from("model_catalogs:\n");
    for source in 0..SOURCES {
        let enabled = source != 3;
        let _ = writeln!(
            sources,
            "  - {{name: s{source}, id: s{source}, type: yaml, enabled: {enabled}, properties: {{yamlCatalogPath: s{source}.yaml}}}}"
        );
        let mut text = String::from("models:");
        for number in 0..if source == 2 { 0 } else { ENTITIES } {
            let _ = write!(
                text,
                "\n- name: m{:03}",
                (number * 7 % ENTITIES) * SOURCES + source
            );
        }
        let text = if source == 2 {
            "models: []\n".to_owned()
        } else {
            text + "\n"
        };
        std::fs::write(dir.join(format!("s{source}.yaml")), text).unwrap();
    }
    std::fs::write(dir.join("sources.yaml"), sources).unwrap();
}

/// Every page of a list, one after the other: names and ids.
fn walk(server: &Server, query: &str, size: usize) -> Vec<(String, i64)> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!(
            "/api/model_catalog/v1alpha1/models?pageSize={size}&nextPageToken={token}{query}"
        );
        let page = server.client().get(&path).expect(200).json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= size);
        let place = |item: &serde_json::Value| {
            let id = item["id"].as_str().and_then(|id| id.parse().ok());
            (item["name"].as_str().unwrap().to_owned(), id.unwrap())
        };
        all.extend(items.iter().map(place));
        token = page["nextPageToken"].as_str().unwrap().to_owned();
        if token.is_empty() {
            return all;
        }
        assert_eq!(items.len(), size);
    }
}

#[test]
fn every_entity_comes_once_and_in_order_whatever_the_page() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let server = Server::start(dir.path());
    for descending in [false, true] {
        for by_id in [false, true] {
            let query = format!(
                "&orderBy={}&sortOrder={}",
                if by_id { "ID" } else { "NAME" },
                if descending { "DESC" } else { "ASC" }
            );
            let whole = walk(&server, &query, 1000);
            assert_eq!(whole.len(), (SOURCES - 2) * ENTITIES);
            let mut expected = whole.clone();
            match by_id {
                true => expected.sort_by_key(|(_, id)| *id),
                false => expected.sort(),
            }
            if descending {
                expected.reverse();
            }
            assert_eq!(whole, expected, "{query}");
            for size in [1, 2, 7, ENTITIES, (SOURCES - 2) * ENTITIES] {
                assert_eq!(walk(&server, &query, size), whole, "{query} {size}");
            }
            let one = walk(&server, &format!("{query}&source=s1,s2"), 3);
            let expected: Vec<_> = whole
                .iter()
                .filter(|(name, _)| name[1..].parse::<usize>().unwrap() % SOURCES == 1)
                .cloned()
                .collect();
            assert_eq!(one, expected);
        }
    }
}
