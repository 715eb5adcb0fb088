mod corpus;
mod edits;
mod fallback;
mod props;
mod rules;
mod yaml;
