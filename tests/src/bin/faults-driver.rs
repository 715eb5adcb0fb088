//! Makes one change of a catalog while somebody disturbs it.

use std::process::ExitCode;

fn main() -> ExitCode {
    catalog_tests::faults::driver::main()
}
