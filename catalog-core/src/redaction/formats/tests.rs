use super::*;
use crate::redaction::tests::cost::in_proportion;

/// Random-looking text, put together so that no tool takes this file for one with secrets in it.
fn random(length: usize) -> String {
    "aB3dE6fG9hJ2kL5m".chars().cycle().take(length).collect()
}

fn shown(text: &str) -> String {
    redact(text).into_owned()
}

fn hides(before: &str, secret: &str, after: &str) {
    let text = format!("{before}{secret}{after}");
    assert_eq!(shown(&text), format!("{before}{MARKER}{after}"), "{text}");
}

fn keeps(text: &str) {
    assert_eq!(shown(text), text);
}

#[test]
fn tokens_with_a_known_prefix_are_hidden_and_the_rest_stays() {
    let upper = random(16).to_uppercase();
    for token in [
        format!("AKIA{upper}"),
        format!("ASIA{upper}"),
        format!("ghp_{}", random(36)),
        format!("gho_{}", random(36)),
        format!("ghs_{}", random(36)),
        format!("ghr_{}", random(36)),
        format!("ghu_{}", random(36)),
        format!("github_pat_{}_{}", random(22), random(59)),
        format!("hf_{}", random(34)),
        format!("sk-{}", random(48)),
        format!("sk-proj-{}-x", random(30)),
        format!("sk-ant-api03-{}", random(40)),
        format!("xoxb-{}-{}", "123456789012", random(24)),
        format!("xoxp-{}", random(24)),
        format!("glpat-{}", random(20)),
        format!("tvly-{}", random(32)),
        format!("r8_{}", random(37)),
        format!("{}.atlasv1.{}", random(14), random(67)),
    ] {
        hides("", &token, "");
        hides("use ", &token, ", not that");
        hides("\"", &token, "\"");
        hides("json\\n", &token, "\\n");
        hides("é=", &token, "é");
    }
}

#[test]
fn what_only_starts_like_a_token_stays() {
    for text in [
        "task-manager-with-a-very-long-name-2024",
        "sk-learn-contrib-and-other-packages",
        "hf_hub_download",
        "ghp_",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "hf_...",
        "AKIAIOSFODNN7EXAMPLE",
        "AKIAB",
        "glpat-xxxxxxxxxxxxxxxxxxxx",
        "risk-based-assessment-framework-v2-0-1",
        "eyJ is how a token starts",
        "eyJhbGciOi.",
    ] {
        keeps(text);
    }
}

#[test]
fn a_web_token_is_hidden_in_all_its_parts() {
    let header = format!("ey{}", "JhbGciOiJIUzI1NiJ9");
    let payload = format!("ey{}", "JzdWIiOiIxMjM0In0");
    hides("Got ", &format!("{header}.{payload}.{}", random(43)), ".");
    hides("Got ", &format!("{header}.{payload}.x"), " here");
    hides("cut short: ", &format!("{header}.{payload}"), "");
}

#[test]
fn a_private_key_is_hidden_up_to_its_end_line_or_the_end() {
    let begin = format!("-----BEGIN {}PRIVATE KEY-----", "RSA ");
    let end = format!("-----END {}PRIVATE KEY-----", "RSA ");
    let body = random(64);
    hides("a\n", &format!("{begin}\n{body}\n{body}\n{end}"), "\nb");
    hides("a ", &format!("{begin}\\n{body}\\n{end}"), "\\nb");
    hides("a ", &format!("{begin}\n{body}\n"), "");
    keeps(&format!(
        "It starts with {begin} and ends with a similar line."
    ));
    keeps(&format!("{begin}\n...\n{end}"));
    keeps("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----");
}

#[test]
fn of_a_url_just_the_password_is_hidden() {
    hides("postgres://svc:", "hunter2", "@db:5432/x?y=1");
    hides("see https://svc:", "p@ss:w0rd", "@example.net/ now");
    hides("redis://:", "hunter2", "@cache");
    hides("https://", &random(20), ":x-oauth-basic@git.example.net/x");
    hides("https://", &random(20), "@git.example.net/x");
    hides(
        "https://hooks.slack.com/services/",
        &format!("T1/B2/{}", random(24)),
        " posts",
    );
    for text in [
        "https://user:pass@host/",
        "postgres://username:password@localhost/db",
        "postgres://postgres:postgres@localhost:5432/db",
        "https://<user>:<password>@host",
        "https://${USER}:${PASSWORD}@host",
        "https://{user}:{password}@host",
        "https://user:***@host",
        "https://user@host/a:b@c",
        "http://host:8080/path@v1",
        "mailto:svc@example.net, see http://x",
    ] {
        keeps(text);
    }
}

#[test]
fn what_follows_an_authorization_scheme_is_hidden() {
    hides("Authorization: Bearer ", &random(32), "\n");
    hides("authorization: bearer ", &random(20), "");
    hides("-H 'Authorization: Basic ", "Ym9iOmh1bnRlcjI=", "'");
    for text in [
        "Bearer authentication is supported",
        "Bearer token",
        "Bearer <token>",
        "Bearer ${TOKEN}",
        "Basic authentication",
        "Bearer your-token-here",
        "Basic understanding-of-things",
    ] {
        keeps(text);
    }
}

#[test]
fn assignments_to_sensitive_names_are_hidden() {
    hides("GET /x?token=", "abc123", "&page=2");
    hides("password=", "hunter2", " user=svc");
    hides("--api-key=", "s3cr3t", "");
    hides("API_KEY=\"", "a b c d", "\"");
    hides("Server=db;Password=", "hunter2,x", ";Timeout=3");
    hides("{\"password\": \"", "hunter2", "\", \"user\": \"svc\"}");
    hides("{\\\"password\\\":\\\"", "hunter2", "\\\"}");
    hides("x-api-key: ", &random(24), "");
    hides("run --password ", "hunter2", " --verbose");
    hides("[\"--token\", \"", "hunter2", "\"]");
    hides("curl -u svc:", "hunter2", " https://example.net");
    hides("https://example.net/?sv=1&sig=", &random(43), "&se=2");
    hides("authorization: token ", &random(40), "");
    for text in [
        "token=<token>",
        "token=$TOKEN",
        "token=${TOKEN}",
        "token={token}",
        "token=your-token",
        "password=changeme",
        "api_key=openai_api_key",
        "token=self.token,",
        "api_key=os.environ[\"KEY\"]",
        "token = get_token()",
        "add_bos_token=True",
        "max_tokens=4096",
        "tokenizer=AutoTokenizer",
        "password == other",
        "The token: a short description of it",
        "\"token\": \"the token to use\"",
        "use --token to say which",
        "eos_token=\"</s>\"",
        "token_url=https://example.net/token",
        "[\"--token\", \"<token>\"]",
        "curl -u user:password https://example.net",
        "the sig=x of it",
        "tvly-search-with-a-long-name",
        "10:30:AAA",
    ] {
        keeps(text);
    }
}

#[test]
fn prose_is_not_touched_and_not_copied() {
    let text =
        "Tokens, secrets and passwords: an e-mail about x = y, and https://example.com/a?b=c.";
    assert!(matches!(redact(text), Cow::Borrowed(_)));
}

#[test]
fn hostile_texts_take_linear_time() {
    for piece in [
        "eyJ-",
        "sk-sk-",
        "token=$",
        "://",
        "a://b:c",
        "-----BEGIN PRIVATE KEY-----<",
        "=",
        ":\"",
        "token=\\\"",
        "--token ",
        "xoxb-xxxx-",
        "password='",
        "Bearer ",
        "12345678:AA",
        "a.atlasv1.",
        "://hooks.slack.com/services/",
        "-u a:b1",
        "--token\", \"",
        "SG.",
        "eyJaaaaaaaaa.",
        "\\",
        "\"token\":",
        "AKIA",
    ] {
        in_proportion(piece, |size| {
            let _ = redact(&piece.repeat(size / piece.len()));
        });
    }
}
