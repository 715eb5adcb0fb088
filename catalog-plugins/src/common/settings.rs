//! Checking the settings of a source.

use catalog_core::SourceSettings;
use catalog_core::validation::{Findings, Path, did_you_mean};
use serde_json::Value as Json;

/// A property that a provider knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    /// A list of texts instead of one text.
    pub(crate) list: bool,
    /// What to say when it is set but does nothing.
    pub(crate) unused: Option<&'static str>,
}

impl Property {
    /// A text.
    pub(crate) const fn text(name: &'static str) -> Self {
        Self {
            name,
            list: false,
            unused: None,
        }
    }

    /// A list of texts.
    pub(crate) const fn texts(name: &'static str) -> Self {
        Self {
            list: true,
            ..Self::text(name)
        }
    }

    /// A text that other catalogs use and this one does not.
    pub(crate) const fn unused(name: &'static str, why: &'static str) -> Self {
        Self {
            unused: Some(why),
            ..Self::text(name)
        }
    }
}

/// What the sources of a plugin may say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SettingsRules {
    /// The provider types that load.
    pub(crate) types: &'static [&'static str],
    /// Types that exist elsewhere, with what to say about them.
    pub(crate) known_elsewhere: &'static [(&'static str, &'static str)],
    /// The properties of the provider `yaml`.
    pub(crate) yaml: &'static [Property],
}

impl SettingsRules {
    /// Reports what is wrong. Blank types and patterns are found by the layer `semantic` already.
    pub(crate) fn check(&self, settings: &SourceSettings, findings: &mut Findings) {
        let source_type = settings.source_type.as_str();
        if !self.types.contains(&source_type) {
            self.unsupported(source_type, findings);
        }
        if source_type == "yaml" {
            self.properties(settings, findings);
        }
    }

    fn unsupported(&self, source_type: &str, findings: &mut Findings) {
        if source_type.trim().is_empty() {
            return;
        }
        let path = Path::root().key("type");
        let elsewhere = self.known_elsewhere.iter().find(|(t, _)| *t == source_type);
        let message = match elsewhere {
            Some((_, why)) => (*why).to_owned(),
            None => format!("must be one of {}", self.types.join(", ")),
        };
        findings
            .error(&path, None, "unsupported-source-type", message)
            .suggestion = did_you_mean(source_type, self.types.iter().copied());
    }

    fn properties(&self, settings: &SourceSettings, findings: &mut Findings) {
        let base = Path::root().key("properties");
        for (name, value) in &settings.properties {
            let path = base.key(name.as_str());
            let known = self.yaml.iter().find(|p| p.name == name);
            match known {
                Some(property) => property.check(value, &path, findings),
                // Embedders keep their own properties beside those of the provider.
                None => {
                    let shown = catalog_core::redaction::redact_key(name);
                    let message = format!("unknown property {shown:?} of a yaml source");
                    findings
                        .warning(&path, None, "unknown-property", message)
                        .suggestion = did_you_mean(name, self.yaml.iter().map(|p| p.name));
                }
            }
        }
    }
}

impl Property {
    fn check(&self, value: &Json, path: &Path, findings: &mut Findings) {
        let texts = |items: &Vec<Json>| {
            items
                .iter()
                .all(|i| i.as_str().is_some_and(|t| !t.trim().is_empty()))
        };
        match value {
            Json::Null => {}
            Json::Array(items) if self.list && texts(items) => {}
            Json::String(text) if !self.list && text.trim().is_empty() => {
                findings.error(path, None, "required", "must not be blank");
            }
            Json::String(_) if !self.list => {
                if let Some(why) = self.unused {
                    findings.warning(path, None, "unused-property", why);
                }
            }
            _ if self.list => {
                let message = "must be a list of texts that are not blank";
                findings.error(path, None, "wrong-type", message);
            }
            _ => {
                findings.error(path, None, "wrong-type", "must be text");
            }
        }
    }
}
