//! Names of licences as people read and filter them.

/// Names that the public catalog uses instead of the full ones.
const OVERRIDES: [(&str, &str); 18] = [
    ("apache-2.0", "Apache 2.0"),
    ("mit", "MIT"),
    ("bsd-2-clause", "BSD 2-Clause"),
    ("bsd-3-clause", "BSD 3-Clause"),
    ("gpl-2.0", "GPL 2.0"),
    ("gpl-3.0", "GPL 3.0"),
    ("lgpl-2.1", "LGPL 2.1"),
    ("lgpl-3.0", "LGPL 3.0"),
    ("gemma", "Gemma License"),
    ("llama2", "Llama 2 Community License"),
    ("llama3", "Llama 3 Community License"),
    ("llama3.1", "Llama 3.1 Community License"),
    ("llama3.2", "Llama 3.2 Community License"),
    ("llama3.3", "Llama 3.3 Community License"),
    ("llama4", "Llama 4 Community License"),
    ("openrail", "OpenRAIL"),
    ("bigscience-openrail-m", "BigScience OpenRAIL-M"),
    ("nvidia-open-model-license", "NVIDIA Open Model License"),
];

/// The SPDX identifiers that models and their tools carry most often, with their full names.
const SPDX: [(&str, &str); 38] = [
    ("0bsd", "BSD Zero Clause License"),
    ("afl-3.0", "Academic Free License v3.0"),
    ("agpl-3.0", "GNU Affero General Public License v3.0"),
    (
        "agpl-3.0-only",
        "GNU Affero General Public License v3.0 only",
    ),
    (
        "agpl-3.0-or-later",
        "GNU Affero General Public License v3.0 or later",
    ),
    ("artistic-2.0", "Artistic License 2.0"),
    ("bsl-1.0", "Boost Software License 1.0"),
    ("cc-by-3.0", "Creative Commons Attribution 3.0 Unported"),
    (
        "cc-by-4.0",
        "Creative Commons Attribution 4.0 International",
    ),
    (
        "cc-by-nc-4.0",
        "Creative Commons Attribution Non Commercial 4.0 International",
    ),
    (
        "cc-by-nc-nd-4.0",
        "Creative Commons Attribution Non Commercial No Derivatives 4.0 International",
    ),
    (
        "cc-by-nc-sa-4.0",
        "Creative Commons Attribution Non Commercial Share Alike 4.0 International",
    ),
    (
        "cc-by-nd-4.0",
        "Creative Commons Attribution No Derivatives 4.0 International",
    ),
    (
        "cc-by-sa-3.0",
        "Creative Commons Attribution Share Alike 3.0 Unported",
    ),
    (
        "cc-by-sa-4.0",
        "Creative Commons Attribution Share Alike 4.0 International",
    ),
    ("cc0-1.0", "Creative Commons Zero v1.0 Universal"),
    (
        "cdla-permissive-1.0",
        "Community Data License Agreement Permissive 1.0",
    ),
    (
        "cdla-permissive-2.0",
        "Community Data License Agreement Permissive 2.0",
    ),
    (
        "cdla-sharing-1.0",
        "Community Data License Agreement Sharing 1.0",
    ),
    ("ecl-2.0", "Educational Community License v2.0"),
    ("elastic-2.0", "Elastic License 2.0"),
    ("epl-2.0", "Eclipse Public License 2.0"),
    ("eupl-1.2", "European Union Public License 1.2"),
    ("gpl-2.0-only", "GNU General Public License v2.0 only"),
    (
        "gpl-2.0-or-later",
        "GNU General Public License v2.0 or later",
    ),
    ("gpl-3.0-only", "GNU General Public License v3.0 only"),
    (
        "gpl-3.0-or-later",
        "GNU General Public License v3.0 or later",
    ),
    ("isc", "ISC License"),
    (
        "lgpl-2.1-only",
        "GNU Lesser General Public License v2.1 only",
    ),
    (
        "lgpl-2.1-or-later",
        "GNU Lesser General Public License v2.1 or later",
    ),
    (
        "lgpl-3.0-only",
        "GNU Lesser General Public License v3.0 only",
    ),
    (
        "lgpl-3.0-or-later",
        "GNU Lesser General Public License v3.0 or later",
    ),
    ("mit-0", "MIT No Attribution"),
    ("mpl-2.0", "Mozilla Public License 2.0"),
    ("ms-pl", "Microsoft Public License"),
    ("postgresql", "PostgreSQL License"),
    ("unlicense", "The Unlicense"),
    ("zlib", "zlib License"),
];

/// The readable name of a licence; an identifier that is not known stays as it is.
pub(super) fn readable(license: &str) -> &str {
    let id = license.trim().to_lowercase();
    OVERRIDES
        .iter()
        .chain(&SPDX)
        .find(|(known, _)| *known == id)
        .map_or(license, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn known_licences_get_their_readable_name() {
        assert_eq!(readable(" Apache-2.0 "), "Apache 2.0");
        assert_eq!(readable("llama3.1"), "Llama 3.1 Community License");
        assert_eq!(readable("MPL-2.0"), "Mozilla Public License 2.0");
    }

    #[test]
    fn an_unknown_licence_stays_as_it_is() {
        assert_eq!(readable("Modified-MIT"), "Modified-MIT");
        assert_eq!(readable("Apache 2.0"), "Apache 2.0");
    }
}
