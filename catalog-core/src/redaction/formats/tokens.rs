//! Tokens that can be told by their prefix.

use super::{Found, looks_random, run, starts_word};
use crate::redaction::placeholder::is_filler;
use crate::redaction::starts::Starts;

/// What may follow a prefix.
#[derive(Clone, Copy)]
enum Alphabet {
    /// Letters and digits.
    Alphanumeric,
    /// Letters, digits and `_`.
    Word,
    /// Letters, digits, `_` and `-`.
    UrlSafe,
    /// Letters, digits, `_`, `-` and `.`.
    Dotted,
    /// Letters, digits, `+`, `/` and `=`.
    Base64,
}

struct Format {
    prefix: &'static str,
    /// Its first two bytes, at hand without a look elsewhere.
    start: [u8; 2],
    least: usize,
    alphabet: Alphabet,
    /// Ordinary names start like this, too: what follows must look random.
    common: bool,
    kind: &'static str,
}

/// Nothing else starts like this.
const fn format(
    prefix: &'static str,
    least: usize,
    alphabet: Alphabet,
    kind: &'static str,
) -> Format {
    let bytes = prefix.as_bytes();
    Format {
        prefix,
        start: [bytes[0], bytes[1]],
        least,
        alphabet,
        common: false,
        kind,
    }
}

/// Ordinary names start like this, too.
const fn common(
    prefix: &'static str,
    least: usize,
    alphabet: Alphabet,
    kind: &'static str,
) -> Format {
    Format {
        common: true,
        ..format(prefix, least, alphabet, kind)
    }
}

/// How much of a token is looked at to tell whether it is one.
const WINDOW: usize = 128;

/// Longer runs are no header of a web token.
const LONGEST_HEADER: usize = 512;

const FORMATS: &[Format] = &[
    format("ghp_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("gho_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("ghs_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("ghr_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("ghu_", 20, Alphabet::Alphanumeric, "GitHub token"),
    format("github_pat_", 20, Alphabet::Word, "GitHub token"),
    format("glpat-", 20, Alphabet::UrlSafe, "GitLab token"),
    format("gldt-", 20, Alphabet::UrlSafe, "GitLab token"),
    format("glrt-", 20, Alphabet::UrlSafe, "GitLab token"),
    format("glptt-", 20, Alphabet::UrlSafe, "GitLab token"),
    format("glsoat-", 20, Alphabet::UrlSafe, "GitLab token"),
    format("glcbt-", 20, Alphabet::UrlSafe, "GitLab token"),
    format("hf_", 30, Alphabet::Alphanumeric, "Hugging Face token"),
    format("api_org_", 30, Alphabet::Alphanumeric, "Hugging Face token"),
    format("npm_", 36, Alphabet::Alphanumeric, "npm token"),
    format("pypi-AgE", 50, Alphabet::UrlSafe, "PyPI token"),
    format("dckr_pat_", 20, Alphabet::UrlSafe, "Docker token"),
    format("dckr_oat_", 20, Alphabet::UrlSafe, "Docker token"),
    format("xoxa-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxb-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxp-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxr-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxs-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxe-", 10, Alphabet::UrlSafe, "Slack token"),
    format("xoxe.", 10, Alphabet::Dotted, "Slack token"),
    format("xapp-", 10, Alphabet::UrlSafe, "Slack token"),
    format("AIza", 35, Alphabet::UrlSafe, "Google API key"),
    format("GOCSPX-", 20, Alphabet::UrlSafe, "Google OAuth secret"),
    format("ya29.", 30, Alphabet::UrlSafe, "Google OAuth token"),
    format("sk_live_", 16, Alphabet::Alphanumeric, "Stripe key"),
    format("sk_test_", 16, Alphabet::Alphanumeric, "Stripe key"),
    format("rk_live_", 16, Alphabet::Alphanumeric, "Stripe key"),
    format("rk_test_", 16, Alphabet::Alphanumeric, "Stripe key"),
    format("whsec_", 24, Alphabet::Base64, "webhook secret"),
    format("SG.", 60, Alphabet::Dotted, "SendGrid key"),
    format("dop_v1_", 40, Alphabet::Alphanumeric, "DigitalOcean token"),
    format("doo_v1_", 40, Alphabet::Alphanumeric, "DigitalOcean token"),
    format("hvs.", 20, Alphabet::UrlSafe, "Vault token"),
    format("hvb.", 20, Alphabet::UrlSafe, "Vault token"),
    format("ntn_", 40, Alphabet::Alphanumeric, "Notion token"),
    format("lin_api_", 30, Alphabet::Alphanumeric, "Linear key"),
    format("figd_", 30, Alphabet::UrlSafe, "Figma token"),
    format("ATATT3x", 50, Alphabet::UrlSafe, "Atlassian token"),
    format("ATCTT3x", 50, Alphabet::UrlSafe, "Atlassian token"),
    format("glsa_", 30, Alphabet::Word, "Grafana token"),
    format("glc_", 30, Alphabet::Base64, "Grafana token"),
    format("NRAK-", 24, Alphabet::Alphanumeric, "New Relic key"),
    format("dt0c01.", 60, Alphabet::Dotted, "Dynatrace token"),
    format("dt0s16.", 60, Alphabet::Dotted, "Dynatrace token"),
    format("gsk_", 40, Alphabet::Alphanumeric, "Groq key"),
    format("nvapi-", 40, Alphabet::UrlSafe, "NVIDIA key"),
    format("sbp_", 40, Alphabet::Alphanumeric, "Supabase token"),
    format("shpat_", 32, Alphabet::Alphanumeric, "Shopify token"),
    format("shpss_", 32, Alphabet::Alphanumeric, "Shopify token"),
    format("shpca_", 32, Alphabet::Alphanumeric, "Shopify token"),
    format("shppa_", 32, Alphabet::Alphanumeric, "Shopify token"),
    format("PMAK-", 50, Alphabet::UrlSafe, "Postman key"),
    format("pscale_tkn_", 30, Alphabet::Dotted, "PlanetScale token"),
    format("pscale_pw_", 30, Alphabet::Dotted, "PlanetScale token"),
    format("sntryu_", 40, Alphabet::Alphanumeric, "Sentry token"),
    format("sntrys_", 40, Alphabet::Base64, "Sentry token"),
    format("dp.pt.", 40, Alphabet::Alphanumeric, "Doppler token"),
    format("dp.st.", 40, Alphabet::Dotted, "Doppler token"),
    format("AGE-SECRET-KEY-1", 50, Alphabet::Alphanumeric, "age key"),
    format("lsv2_pt_", 32, Alphabet::Word, "LangSmith key"),
    format("lsv2_sk_", 32, Alphabet::Word, "LangSmith key"),
    format("apify_api_", 30, Alphabet::Alphanumeric, "Apify token"),
    format("ops_eyJ", 60, Alphabet::UrlSafe, "1Password token"),
    format("csk-", 40, Alphabet::Alphanumeric, "Cerebras key"),
    format("jina_", 40, Alphabet::UrlSafe, "Jina key"),
    common("sk-", 20, Alphabet::UrlSafe, "API key"),
    common("secret_", 40, Alphabet::Alphanumeric, "Notion token"),
    common("dapi", 32, Alphabet::Alphanumeric, "Databricks token"),
    common("xai-", 60, Alphabet::Alphanumeric, "xAI key"),
    common("pplx-", 32, Alphabet::Alphanumeric, "Perplexity key"),
    common("r8_", 30, Alphabet::Alphanumeric, "Replicate token"),
    common("tvly-", 20, Alphabet::UrlSafe, "Tavily key"),
    common("fc-", 32, Alphabet::Alphanumeric, "Firecrawl key"),
    common("re_", 30, Alphabet::Word, "Resend key"),
];

/// The prefixes of AWS key ids.
const AWS: [&str; 2] = ["AKIA", "ASIA"];

/// What stands in the middle of a Terraform token.
const TERRAFORM: &[u8] = b"atlasv1.";

/// Adds the places where [`prefixed`] has something to look at.
pub(super) const fn add_starts(starts: &mut Starts) {
    let mut n = 0;
    while n < FORMATS.len() {
        starts.add(FORMATS[n].prefix.as_bytes());
        n += 1;
    }
    n = 0;
    while n < AWS.len() {
        starts.add(AWS[n].as_bytes());
        n += 1;
    }
    starts.add(TERRAFORM);
}

/// A token with a known prefix that starts here.
pub(super) fn prefixed(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let rest = bytes.get(at..)?;
    if !starts_word(bytes, at) {
        return None;
    }
    if AWS.iter().any(|prefix| rest.starts_with(prefix.as_bytes())) {
        return aws_key_id(text, at);
    }
    if rest.starts_with(TERRAFORM) {
        return terraform(text, at);
    }
    let format = FORMATS
        .iter()
        .find(|f| rest.starts_with(&f.start) && rest.starts_with(f.prefix.as_bytes()))?;
    let start = at + format.prefix.len();
    let fits = |b: u8| {
        b.is_ascii_alphanumeric()
            || match format.alphabet {
                Alphabet::Alphanumeric => false,
                Alphabet::Word => b == b'_',
                Alphabet::UrlSafe => matches!(b, b'_' | b'-'),
                Alphabet::Dotted => matches!(b, b'_' | b'-' | b'.'),
                Alphabet::Base64 => matches!(b, b'+' | b'/' | b'='),
            }
    };
    // A look at the start is enough, and keeps the whole linear when prefixes follow each other.
    let window = bytes.get(..bytes.len().min(start + WINDOW))?;
    let body = text.get(start..run(window, start, fits))?;
    let plausible = match format.common {
        true => looks_random(body, format.least),
        false => body.len() >= format.least,
    };
    (plausible && !is_filler(body)).then(|| {
        let mut end = run(bytes, start, fits);
        // A full stop ends a sentence.
        while bytes.get(end - 1) == Some(&b'.') {
            end -= 1;
        }
        Found {
            range: at..end,
            kind: format.kind,
        }
    })
}

/// `AKIA` or `ASIA` and 16 capitals or digits; not the example that the vendor's manuals use.
fn aws_key_id(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let end = run(bytes, at, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let id = text.get(at..end)?;
    let whole = !bytes
        .get(end)
        .is_some_and(|b| b.is_ascii_lowercase() || *b == b'_');
    (id.len() == 20 && whole && !id.ends_with("EXAMPLE") && !is_filler(id)).then_some(Found {
        range: at..end,
        kind: "AWS access key",
    })
}

/// `….atlasv1.…`: the prefix is in the middle.
fn terraform(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let before = bytes.get(..at)?.strip_suffix(b".")?;
    let mut id = before
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    // The letter of an escaped line end is not part of it.
    if let Some([b'\\', b'n' | b'r' | b't']) = before
        .get(before.len().saturating_sub(id + 1)..)
        .and_then(|head| head.first_chunk())
    {
        id -= 1;
    }
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let start = at + TERRAFORM.len();
    let end = run(bytes, start, is_base64url);
    (id >= 10 && end - start >= 30).then_some(Found {
        range: at - 1 - id..end,
        kind: "Terraform token",
    })
}

/// `123456789:AA…`, the token of a Telegram bot whose `:` is here.
pub(super) fn bot(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let digits = bytes.get(..at)?.iter().rev().take(12);
    let id = digits.take_while(|b| b.is_ascii_digit()).count();
    if !(8..=11).contains(&id) {
        return None;
    }
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let end = run(bytes, at + 1, is_base64url);
    let secret = text.get(at + 1..end)?;
    let plausible = secret.starts_with("AA") && secret.len() == 35;
    (plausible && starts_word(bytes, at - id)).then_some(Found {
        range: at - id..end,
        kind: "Telegram token",
    })
}

/// A JSON web token: three base64url parts, five when encrypted. Without its last part (somebody cut
/// it short) it still tells who its holder is.
pub(super) fn web_token(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    if !bytes.get(at..)?.starts_with(b"eyJ") || !starts_word(bytes, at) {
        return None;
    }
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let part = |from| run(bytes, from, is_base64url);
    let window = bytes.get(..bytes.len().min(at + LONGEST_HEADER))?;
    let header = run(window, at, is_base64url);
    let (mut end, mut parts) = (header, 1);
    while parts < 5 && bytes.get(end) == Some(&b'.') {
        let next = part(end + 1);
        // A signature may be missing, a sentence's full stop is none.
        if next == end + 1 {
            break;
        }
        end = next;
        parts += 1;
    }
    let payload = bytes.get(header + 1..).unwrap_or(&[]);
    let plausible = parts >= 3 || (parts == 2 && payload.starts_with(b"eyJ"));
    (header - at >= 8 && plausible).then_some(Found {
        range: at..end,
        kind: "JSON web token",
    })
}

/// `Bearer <token>`, and `Authorization: Basic <credentials>`; just the token.
pub(super) fn after_scheme(text: &str, at: usize) -> Option<Found> {
    let bytes = text.as_bytes();
    let is = |word: &str| {
        let end = at + word.len();
        bytes
            .get(at..end)
            .is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes()))
            .then_some(end)
    };
    let (after, basic) = match is("bearer") {
        Some(end) => (end, false),
        None => (is("basic")?, true),
    };
    let start = run(bytes, after, |b| matches!(b, b' ' | b'\t'));
    if start == after || !starts_word(bytes, at) {
        return None;
    }
    let end = run(bytes, start, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    });
    let token = text.get(start..end)?.trim_end_matches('.');
    let plausible = if basic {
        // "Basic" is an ordinary word; the header's name tells.
        token.len() >= 8 && follows_authorization(bytes, at)
    } else {
        looks_random(token, 16)
    };
    (plausible && !is_filler(token)).then(|| Found {
        range: start..start + token.len(),
        kind: "authorization header",
    })
}

fn follows_authorization(bytes: &[u8], at: usize) -> bool {
    let mut before = bytes.get(..at).unwrap_or(&[]);
    while let [rest @ .., b' ' | b'\t' | b':' | b'=' | b'"' | b'\'' | b'\\'] = before {
        before = rest;
    }
    let name = b"authorization";
    before.len() >= name.len() && before[before.len() - name.len()..].eq_ignore_ascii_case(name)
}
