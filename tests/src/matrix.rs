//! What the fault matrix is made of: one line for every row, printed by the test that tried it.

/// How much is tried: the quick form in everyday test runs, the whole of it when asked for.
///
/// `CATALOG_FULL=1` asks for it.
pub fn full() -> bool {
    std::env::var_os("CATALOG_FULL").is_some_and(|value| value != "0" && !value.is_empty())
}

/// `quick`, or `whole` when everything is to be tried.
pub fn tries(quick: u64, whole: u64) -> u64 {
    if full() { whole } else { quick }
}

/// Prints a row and fails when there were violations, or when nothing was tried.
///
/// # Panics
/// When there is a violation: each is printed before. When nothing was tried: a row that cannot
/// fail proves nothing.
pub fn row(name: &str, tried: u64, violations: &[String]) {
    for violation in violations {
        println!("violation: {name}: {violation}");
    }
    println!(
        "matrix: {name}: {tried} tried, {} violations",
        violations.len()
    );
    assert!(tried > 0, "{name}: nothing was tried");
    assert!(
        violations.is_empty(),
        "{name}: {} violations",
        violations.len()
    );
}

/// Says that a row could not be tried here.
pub fn did_not_run(name: &str, why: &str) {
    println!("matrix: {name}: did not run: {why}");
}
