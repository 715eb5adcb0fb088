//! The envelope of every list: `{items, size}`.

use serde::{Deserialize, Serialize};

use crate::{PluginView, RefreshResult, Revision, SourceView};

// One concrete type a list, not a generic one: the name of each is part of the OpenAPI document.
macro_rules! list {
    ($(#[$doc:meta])* $name:ident of $item:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
        #[cfg_attr(feature = "openapi", oai(rename_all = "camelCase"))]
        pub struct $name {
            /// The items, in a deterministic order.
            pub items: Vec<$item>,
            /// How many items there are.
            pub size: u64,
        }

        impl From<Vec<$item>> for $name {
            fn from(items: Vec<$item>) -> Self {
                let size = items.len() as u64;
                Self { items, size }
            }
        }

        impl FromIterator<$item> for $name {
            fn from_iter<I: IntoIterator<Item = $item>>(items: I) -> Self {
                items.into_iter().collect::<Vec<_>>().into()
            }
        }
    };
}

list! {
    /// The plugins of a server.
    PluginList of PluginView
}
list! {
    /// The sources of a plugin, by id.
    SourceList of SourceView
}
list! {
    /// The revisions of a source, newest first.
    RevisionList of Revision
}
list! {
    /// How the refresh of each source of a plugin went, by id.
    RefreshList of RefreshResult
}
