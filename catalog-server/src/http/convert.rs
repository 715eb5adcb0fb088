//! From the service's types to the wire's, and back. Nothing is decided here.

use catalog_api as wire;
use catalog_core::model::{self, RevisionKind, SettingsPatch, SourceId, SourceSettings};
use catalog_core::service::{self, SourceStatus};
use catalog_core::validation;

/// The wire's shape of a value of the service.
pub(super) trait ToWire<T> {
    fn to_wire(&self) -> T;
}

fn all<A: ToWire<B>, B>(items: &[A]) -> Vec<B> {
    items.iter().map(ToWire::to_wire).collect()
}

/// A source's settings with its id.
pub(super) fn source(id: &SourceId, settings: &SourceSettings) -> wire::Source {
    wire::Source {
        id: id.to_string(),
        name: settings.name.clone(),
        kind: settings.source_type.clone(),
        enabled: settings.enabled,
        labels: settings.labels.clone(),
        properties: settings.properties.clone().into_iter().collect(),
        included_items: settings.included_items.clone(),
        excluded_items: settings.excluded_items.clone(),
    }
}

/// The change of settings that a request asks for.
pub(super) fn patch(input: wire::SourceInput) -> SettingsPatch {
    SettingsPatch {
        id: input.id,
        name: input.name,
        source_type: input.kind,
        enabled: input.enabled,
        labels: input.labels,
        properties: input.properties.map(|p| p.into_iter().collect()),
        included_items: input.included_items,
        excluded_items: input.excluded_items,
    }
}

impl ToWire<wire::PluginView> for service::PluginInfo {
    fn to_wire(&self) -> wire::PluginView {
        wire::PluginView {
            name: self.name.to_string(),
            version: self.version.clone(),
            description: self.description.clone(),
            config_key: self.config_key.clone(),
            source_types: self.source_types.clone(),
            entity_kinds: self.entity_kinds.clone(),
            healthy: self.healthy,
        }
    }
}

impl ToWire<wire::SourceState> for model::SourceState {
    fn to_wire(&self) -> wire::SourceState {
        match self {
            Self::Available => wire::SourceState::Available,
            Self::Disabled => wire::SourceState::Disabled,
            Self::Loading => wire::SourceState::Loading,
            _ => wire::SourceState::Error,
        }
    }
}

fn outcome(succeeded: bool) -> wire::RefreshOutcome {
    match succeeded {
        true => wire::RefreshOutcome::Success,
        false => wire::RefreshOutcome::Error,
    }
}

impl ToWire<wire::Status> for SourceStatus {
    fn to_wire(&self) -> wire::Status {
        let mut status = wire::Status::new(self.state.to_wire(), self.entity_count);
        status.revision = self.revision.as_ref().map(ToString::to_string);
        if let Some(last) = &self.last_refresh {
            status.last_refresh_time = Some(last.last_refresh_time);
            status.last_refresh_status = Some(outcome(last.succeeded));
            status.last_refresh_summary = Some(last.last_refresh_summary.clone());
            status.last_error.clone_from(&last.last_error);
            status.entities_loaded = Some(last.entities_loaded);
            status.entities_removed = Some(last.entities_removed);
            status.duration_ms = Some(last.duration_ms);
        }
        status
    }
}

impl ToWire<wire::SourceView> for service::SourceView {
    fn to_wire(&self) -> wire::SourceView {
        wire::SourceView {
            source: source(&self.id, &self.settings),
            revision: self.revision.id.to_string(),
            origin: self.origin.clone(),
            editable: self.editable,
            has_content: self.has_content,
            status: self.status.to_wire(),
        }
    }
}

impl ToWire<wire::SourceDetail> for service::SourceDetail {
    fn to_wire(&self) -> wire::SourceDetail {
        let revision = &self.view.revision;
        wire::SourceDetail {
            view: self.view.to_wire(),
            raw_yaml: self.raw_yaml.clone(),
            metadata: wire::SourceMetadata {
                updated_at: revision.created_at,
                author: revision.author.clone(),
                message: revision.message.clone(),
                size: revision.size,
                digest: revision.digest.clone(),
            },
        }
    }
}

impl ToWire<wire::RevisionKind> for RevisionKind {
    fn to_wire(&self) -> wire::RevisionKind {
        match self {
            Self::Apply => wire::RevisionKind::Apply,
            Self::Rollback => wire::RevisionKind::Rollback,
            Self::Delete => wire::RevisionKind::Delete,
            Self::Import => wire::RevisionKind::Import,
            _ => wire::RevisionKind::External,
        }
    }
}

impl ToWire<wire::Revision> for service::RevisionEntry {
    fn to_wire(&self) -> wire::Revision {
        let revision = &self.revision;
        wire::Revision {
            id: revision.id.to_string(),
            sequence: revision.id.sequence(),
            created_at: revision.created_at,
            author: revision.author.clone(),
            message: revision.message.clone(),
            size: revision.size,
            digest: revision.digest.clone(),
            kind: revision.kind.to_wire(),
            current: self.current,
        }
    }
}

/// A revision of this source with its document.
pub(super) fn revision(id: &SourceId, detail: &service::RevisionDetail) -> wire::RevisionDetail {
    wire::RevisionDetail {
        revision: detail.entry.to_wire(),
        source: detail.settings.as_ref().map(|s| source(id, s)),
        raw_yaml: detail.raw_yaml.clone(),
    }
}

impl ToWire<wire::Finding> for validation::Finding {
    fn to_wire(&self) -> wire::Finding {
        let path = (!self.path.segments().is_empty()).then_some(&self.path);
        wire::Finding {
            layer: self.layer.as_str().to_owned(),
            severity: match self.is_error() {
                true => wire::Severity::Error,
                false => wire::Severity::Warning,
            },
            code: self.code.to_string(),
            message: self.message.clone(),
            field: path.map(ToString::to_string),
            pointer: path.map(validation::Path::pointer),
            line: self.position.map(|p| u64::from(p.line)),
            column: self.position.map(|p| u64::from(p.column)),
            suggestion: self.suggestion.clone(),
        }
    }
}

impl ToWire<wire::ValidationReport> for validation::ValidationReport {
    fn to_wire(&self) -> wire::ValidationReport {
        let layer = |result: &validation::LayerResult| wire::LayerResult {
            layer: result.layer.as_str().to_owned(),
            valid: result.is_valid(),
            skipped: result.skipped,
            errors: all(&result.findings),
        };
        wire::ValidationReport {
            valid: self.is_valid(),
            errors: self.errors().map(ToWire::to_wire).collect(),
            warnings: self.warnings().map(ToWire::to_wire).collect(),
            layer_results: self.layers.iter().map(layer).collect(),
        }
    }
}

impl ToWire<wire::Diff> for service::Diff {
    fn to_wire(&self) -> wire::Diff {
        let change = |change: &service::FieldChange| wire::FieldChange {
            field: change.field.clone(),
            from: change.from.clone(),
            to: change.to.clone(),
        };
        wire::Diff {
            from: self.from.as_ref().map(ToString::to_string),
            to: self.to.as_ref().map(ToString::to_string),
            unified: self.unified.clone(),
            settings: self.settings.iter().map(change).collect(),
            entities: wire::EntityChanges {
                added: self.entities.added.clone(),
                changed: self.entities.changed.clone(),
                removed: self.entities.removed.clone(),
            },
        }
    }
}

impl ToWire<wire::RefreshFailure> for model::EntityFailure {
    fn to_wire(&self) -> wire::RefreshFailure {
        wire::RefreshFailure {
            entity: self.entity.clone(),
            message: self.message.clone(),
            line: self.line.map(u64::from),
        }
    }
}

impl ToWire<wire::RefreshResult> for model::RefreshOutcome {
    fn to_wire(&self) -> wire::RefreshResult {
        wire::RefreshResult {
            source_id: self.key.id.to_string(),
            status: outcome(self.succeeded()),
            entities_loaded: self.entities_loaded,
            entities_removed: self.entities_removed,
            started_at: self.started_at,
            finished_at: self.finished_at,
            duration_ms: self.duration_ms,
            error: self.error.clone(),
            failures: all(&self.failures),
        }
    }
}

impl ToWire<wire::ApplyResult> for service::Applied {
    fn to_wire(&self) -> wire::ApplyResult {
        wire::ApplyResult {
            revision: self.revision.id.to_string(),
            previous_revision: self.previous.as_ref().map(ToString::to_string),
            created: self.created,
            changed: self.changed,
            dry_run: self.dry_run,
            rolled_back_to: self.rolled_back_to.as_ref().map(ToString::to_string),
            warnings: all(&self.warnings),
            diff: self.diff.to_wire(),
            refresh: self.refresh.as_ref().map(ToWire::to_wire),
            // A source that would be created has no status.
            status: (!self.dry_run || !self.created).then(|| self.status.to_wire()),
        }
    }
}

/// What is known about a source for whoever looks for a fault.
pub(super) fn diagnosis(live: &service::LiveSource) -> wire::SourceDiagnostics {
    let status = &live.status;
    let run = status.last_refresh.as_ref();
    wire::SourceDiagnostics {
        id: live.id.to_string(),
        state: status.state.to_wire(),
        entity_count: status.entity_count,
        failures: all(&status.failures),
        findings: all(&status.findings),
        last_refresh: run.map(|run| wire::RefreshResult {
            source_id: live.id.to_string(),
            status: outcome(run.succeeded),
            entities_loaded: run.entities_loaded,
            entities_removed: run.entities_removed,
            started_at: run.last_refresh_time - duration(run.duration_ms),
            finished_at: run.last_refresh_time,
            duration_ms: run.duration_ms,
            error: run.last_error.clone(),
            failures: all(&status.failures),
        }),
        last_error: run.and_then(|r| r.last_error.clone()),
    }
}

fn duration(ms: u64) -> chrono::TimeDelta {
    chrono::TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX / 1_000_000))
}
