use super::*;

struct Fixture {
    root: tempfile::TempDir,
    outside: tempfile::TempDir,
    roots: Roots,
}

fn fixture() -> Fixture {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let history = root.path().join(".history");
    fs::create_dir(&history).unwrap();
    fs::write(root.path().join("in.yaml"), "inside").unwrap();
    fs::write(outside.path().join("out.yaml"), "canary").unwrap();
    let dirs = [root.path().to_owned()];
    let roots = Roots::new(&dirs, &dirs, &history, Seam::default()).unwrap();
    Fixture {
        root,
        outside,
        roots,
    }
}

impl Fixture {
    fn code(&self, text: &str) -> &'static str {
        let base = fs::canonicalize(self.root.path()).unwrap();
        let found = self.roots.locate_content(&base, text, &[]);
        found.map_or_else(|problem| problem.code(), |_| "ok")
    }
}

#[test]
fn every_spelling_of_a_way_out_is_refused() {
    let f = fixture();
    let out = f.outside.path();
    let name = f.root.path().file_name().unwrap().to_str().unwrap();
    std::os::unix::fs::symlink(out, f.root.path().join("dirlink")).unwrap();
    std::os::unix::fs::symlink(out.join("out.yaml"), f.root.path().join("link.yaml")).unwrap();
    let absolute = out.join("out.yaml").to_str().unwrap().to_owned();
    for text in [
        "../x.yaml",
        "./../x.yaml",
        "a/../../x.yaml",
        "missing/../../x.yaml",
        "..",
        "/etc/passwd",
        "/etc/there-is-no-such-file",
        "//etc/passwd",
        "/",
        "link.yaml",
        "dirlink/out.yaml",
        "dirlink/new.yaml",
        "dirlink/../out.yaml",
        &absolute,
        &format!("../{name}-sibling/x.yaml"),
    ] {
        assert_eq!(f.code(text), "path-outside-root", "{text}");
    }
}

#[test]
fn names_with_control_characters_are_invalid() {
    let f = fixture();
    for text in ["", "a\0b", "a\nb", "a\rb", "\u{85}"] {
        assert_eq!(f.code(text), "invalid-path", "{text:?}");
    }
}

#[test]
fn what_belongs_to_the_store_is_reserved() {
    let f = fixture();
    for text in [
        ".history/wal",
        "./.history/mcp/a/x.rev",
        ".history/../.history/lock",
        ".catalog-tmp-1",
        "sub/.catalog-tmp-1/x",
    ] {
        assert_eq!(f.code(text), "path-reserved", "{text}");
    }
}

#[test]
fn paths_inside_are_found_however_they_are_spelled() {
    let f = fixture();
    fs::create_dir(f.root.path().join("sub")).unwrap();
    std::os::unix::fs::symlink("in.yaml", f.root.path().join("alias.yaml")).unwrap();
    let base = fs::canonicalize(f.root.path()).unwrap();
    let absolute = base.join("in.yaml").to_str().unwrap().to_owned();
    for text in [
        "in.yaml",
        "./in.yaml",
        "sub/../in.yaml",
        "alias.yaml",
        &absolute,
    ] {
        let found = f.roots.locate_content(&base, text, &[]).unwrap();
        assert_eq!(found.spot.path(), "in.yaml", "{text}");
        assert_eq!(found.linked, text == "alias.yaml");
    }
    assert_eq!(f.code("new/dir/x.yaml"), "ok");
    assert_eq!(f.code("in.yaml/x"), "not-a-file");
    assert_eq!(f.code("."), "not-a-file");
}

#[test]
fn a_link_to_nowhere_is_not_a_place_for_a_new_file() {
    let f = fixture();
    std::os::unix::fs::symlink("/nowhere/x", f.root.path().join("dangling")).unwrap();
    assert_eq!(f.code("dangling"), "not-found");
    assert_eq!(f.code("dangling/x"), "not-found");
}

#[test]
fn a_directory_that_becomes_a_link_after_the_check_leads_nowhere() {
    let f = fixture();
    let sub = f.root.path().join("sub");
    fs::create_dir(&sub).unwrap();
    fs::write(sub.join("out.yaml"), "inside").unwrap();
    let base = fs::canonicalize(f.root.path()).unwrap();
    let found = f.roots.locate_content(&base, "sub/out.yaml", &[]).unwrap();
    fs::remove_dir_all(&sub).unwrap();
    std::os::unix::fs::symlink(f.outside.path(), &sub).unwrap();
    assert!(f.roots.read(&found.spot, 100).is_err());
    assert!(f.roots.dir_of(&found.spot).is_err());
}

#[test]
fn a_file_longer_than_the_limit_is_too_large() {
    let f = fixture();
    let base = fs::canonicalize(f.root.path()).unwrap();
    let spot = f.roots.locate_content(&base, "in.yaml", &[]).unwrap().spot;
    assert_eq!(&*f.roots.read(&spot, 6).unwrap().0, b"inside");
    assert_eq!(f.roots.read(&spot, 5).unwrap_err().code(), "too-large");
}
