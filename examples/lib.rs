//! Programs that show how to embed the library and how to extend it. Each runs by itself and ends
//! with an error when it does not do what it says:
//!
//! ```text
//! cargo run -p catalog-examples --example embed_minimal
//! ```
