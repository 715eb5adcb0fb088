mod corpus;
pub(super) mod cost;
mod edits;
mod exposed;
mod fallback;
mod props;
mod rules;
mod yaml;
