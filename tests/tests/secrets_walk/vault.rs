//! The canaries of a walk, and documents that are full of them.

use catalog_tests::canary::{Canary, Dice};
use serde_json::{Value, json};

/// Tokens that show by their shape.
pub const TOKENS: [&str; 14] = [
    "ghp_⟦an36⟧",
    "github_pat_⟦an22⟧_⟦an59⟧",
    "glpat-⟦an20⟧",
    "hf_⟦an34⟧",
    "sk-proj-⟦an48⟧",
    "sk-ant-api03-⟦an80⟧",
    "sk_live_⟦an24⟧",
    "xoxb-123456789012-⟦an24⟧",
    "AIza⟦an35⟧",
    "AKIA⟦b32_16⟧",
    "npm_⟦an36⟧",
    "dckr_pat_⟦an27⟧",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI⟦an40⟧.⟦an43⟧",
    "https://svc:⟦an20⟧@db.internal/x?api_key=⟦an24⟧&q=1",
];

/// What stands under sensitive keys: everything that a notation has trouble with.
pub const PASSWORDS: [&str; 16] = [
    "⟦an16⟧",
    "⟦num12⟧",
    "⟦lo10⟧",
    "$⟦an12⟧",
    "${⟦an12⟧",
    "%⟦an12⟧%⟦an8⟧",
    "⟦an10⟧'⟦an10⟧",
    "⟦an10⟧\"⟦an10⟧",
    "⟦an10⟧\\⟦an10⟧",
    "⟦an10⟧: ⟦an10⟧ # ⟦an8⟧",
    "⟦an10⟧é⟦an10⟧ß",
    "*⟦an10⟧ &⟦an10⟧",
    "⟦pw24⟧",
    "⟦pw24⟧",
    "⟦b64_64⟧==",
    "{⟦an10⟧: [⟦an10⟧]}",
];

/// Names of secrets.
pub const KEYS: [&str; 10] = [
    "password",
    "dbPassword",
    "apiKey",
    "API_KEY",
    "authToken",
    "client_secret",
    "credentials",
    "x-api-key",
    "private_key",
    "Authorization",
];

/// Makes canaries and remembers them.
pub struct Vault {
    pub dice: Dice,
    pub canaries: Vec<Canary>,
    turn: usize,
}

impl Vault {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            canaries: Vec::new(),
            turn: 0,
        }
    }

    /// A canary of this pattern.
    pub fn put(&mut self, what: &str, pattern: &str) -> String {
        let canary = Canary::new(format!("{what} ({pattern})"), pattern, &mut self.dice);
        self.canaries.push(canary);
        self.canaries.last().expect("the one just put").text.clone()
    }

    /// A token that shows by its shape.
    pub fn token(&mut self, what: &str) -> String {
        let pattern = *self.dice.pick(&TOKENS[..13]);
        self.put(what, pattern)
    }

    /// A token of the next shape, in turn.
    pub fn next(&mut self, what: &str) -> String {
        self.turn += 1;
        self.put(what, TOKENS[self.turn % TOKENS.len()])
    }

    /// As [`next`](Self::next), of letters that may stand in a URL and a header as they are.
    pub fn next_plain(&mut self, what: &str) -> String {
        self.turn += 1;
        self.put(what, TOKENS[self.turn % 13])
    }

    /// A token that is a plain word.
    pub fn word(&mut self, what: &str) -> String {
        self.put(what, "ghp_⟦an36⟧")
    }

    /// Properties of a source with every password below some sensitive key, in every nesting.
    pub fn properties(&mut self, what: &str) -> Value {
        let mut all = serde_json::Map::new();
        for (n, pattern) in PASSWORDS.iter().enumerate() {
            let key = KEYS[n % KEYS.len()];
            let what = format!("{what}.{key}");
            let nested = match n % 5 {
                0 => json!({key: self.put(&what, pattern)}),
                1 => json!({key: [self.put(&what, pattern), {"deep": self.put(&what, pattern)}]}),
                2 => json!([{"name": key, "value": self.put(&what, pattern)}]),
                3 => json!({"env": {key: self.put(&what, pattern), "PLAIN": "text"}}),
                _ => json!({"args": [format!("--{key}"), self.put(&what, pattern)], "plain": 1}),
            };
            all.insert(format!("p{n}"), nested);
        }
        for (n, pattern) in TOKENS.iter().enumerate() {
            let text = format!(
                "as in {} of old",
                self.put(&format!("{what} in text"), pattern)
            );
            all.insert(
                format!("t{n}"),
                json!({"note": text, "list": [self.put(what, pattern)]}),
            );
        }
        Value::Object(all)
    }

    /// MCP servers with canaries in every field that takes a text. JSON in flow style is YAML; around it
    /// stands what only YAML has.
    pub fn mcp_content(&mut self, what: &str) -> String {
        let mut text = String::new();
        let comment = self.put(&format!("{what} comment"), "⟦an20⟧");
        text += &format!("# password: {comment}\n");
        for pattern in TOKENS {
            text += &format!("# see {}\n", self.put(&format!("{what} comment"), pattern));
        }
        text += "mcp_servers:\n";
        for (n, pattern) in TOKENS.iter().enumerate() {
            let mut put = |field: &str| self.put(&format!("{what} {field}"), pattern);
            let server = json!({
                "name": format!("server-{n}"),
                "externalId": put("externalId"),
                "description": format!("Ask with {}, then wait.", put("description")),
                "provider": put("provider"),
                "readme": format!("# How\n\n    run --with {}\n", put("readme")),
                "tags": [put("tags"), "plain"],
                "sourceCode": put("sourceCode"),
                "transports": ["stdio"],
                "tools": [{
                    "name": format!("tool-{}", n), "description": put("tool"), "accessType": "read_only",
                    "schema": {"default": put("schema"), "properties": {"x": {"examples": [put("schema")]}}},
                    "parameters": [{"name": "p", "type": "string", "description": put("parameter")}],
                }],
                "runtimeMetadata": {
                    "defaultArgs": ["--x", put("arg"), format!("--header=Authorization: Bearer {}", put("arg"))],
                    "requiredEnvironmentVariables": [
                        {"name": "DB_PASSWORD", "description": put("env"), "defaultValue": put("env")},
                    ],
                },
                "customProperties": {"x": {"metadataType": "MetadataStringValue", "string_value": put("custom")}},
            });
            let style = if n % 2 == 0 { "" } else { " # flow" };
            text += &format!("  - {server}{style}\n");
        }
        // Every password below a sensitive key, in every style of YAML.
        text += "  - name: styles\n    tools:\n      - name: t\n        accessType: read_only\n        schema:\n";
        for (n, pattern) in PASSWORDS.iter().enumerate() {
            let what = format!("{what} style");
            let key = KEYS[n % KEYS.len()];
            let secret = self.put(&what, pattern);
            let single = secret.replace('\'', "''");
            let escaped: String = secret
                .chars()
                .map(|c| format!("\\U{:08x}", c as u32))
                .collect();
            let other = self.put(&what, "⟦an14⟧");
            text += &format!(
                "          s{n}a:\n            {key}: '{single}' # {key}: {other}\n          \
                 s{n}b: {{ {key}: {quoted} }}\n          s{n}c:\n            {key}: |\n              {secret}\n              {other}\n          \
                 s{n}d:\n            {key}: \"{escaped}\"\n          s{n}e:\n            {key}: >-\n              {other}\n\n              {secret}\n          \
                 s{n}f:\n            {key}: &a{n} {quoted}\n            copy: *a{n}\n          s{n}g:\n            \"{key}\": [{quoted}, {{x: {quoted}}}]\n",
                quoted = Value::from(secret.as_str()),
            );
        }
        let pem = self.put(&format!("{what} pem"), "MIIE⟦an60⟧");
        text += &format!(
            "          pem: |\n            -----BEGIN PRIVATE KEY-----\n            {pem}\n            -----END PRIVATE KEY-----\n"
        );
        // Copies of a secret, where nothing but the secret itself tells.
        let copied = self.put(&format!("{what} copy"), "⟦an20⟧");
        text +=
            &format!("          token: {copied}\n          elsewhere: text with {copied} in it\n");
        text += &format!("  - name: copies\n    description: {copied}\n    tags: [{copied}]\n");
        let (name, key) = (
            self.word(&format!("{what} name")),
            self.word(&format!("{what} key")),
        );
        text += &format!(
            "  - name: n-{name}\n    customProperties:\n      k-{key}: {{metadataType: MetadataStringValue, string_value: x}}\n"
        );
        text
    }

    /// Models, in the same way.
    pub fn model_content(&mut self, what: &str) -> String {
        let mut text = String::from("models:\n");
        for (n, pattern) in TOKENS.iter().enumerate() {
            let mut put = |field: &str| self.put(&format!("{what} {field}"), pattern);
            let model = json!({
                "name": format!("org/model-{n}"),
                "description": put("description"), "readme": put("readme"), "provider": put("provider"),
                "maturity": put("maturity"), "tasks": [put("task")], "license": put("license"),
                "libraryName": put("library"), "labels": [put("label")],
                "servingConfig": {"args": [put("serving"), format!("--api-key={}", put("serving"))]},
                "customProperties": {"x": {"metadataType": "MetadataStringValue", "string_value": put("custom")}},
                "artifacts": [{
                    "uri": format!("https://user:{}@models.internal/m?token={}", put("uri").replace(['/', ':', '@', '?', '&', '='], ""), put("uri").replace(['/', ':', '@', '?', '&', '='], "")),
                    "customProperties": {"y": {"metadataType": "MetadataStringValue", "string_value": put("artifact")}},
                }],
            });
            text += &format!("  - {model}\n");
        }
        let secret = self.put(&format!("{what} serving"), "⟦an16⟧");
        text += &format!(
            "  - name: org/last\n    servingConfig:\n      env:\n        HF_TOKEN: {secret}\n"
        );
        text
    }
}
