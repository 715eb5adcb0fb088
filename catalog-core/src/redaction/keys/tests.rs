use super::*;

#[test]
fn names_of_secrets_are_sensitive_in_every_spelling() {
    for key in [
        "password",
        "PASSWORD",
        "dbPassword",
        "DB_PASSWORD",
        "userpasswords",
        "passwd",
        "token",
        "hfToken",
        "HF_TOKEN",
        "access-token",
        "refreshToken",
        "tokens",
        "accessTokens",
        "login_tokens",
        "secret",
        "client_secret",
        "clientSecret",
        "secrets",
        "secretKey",
        "apikey",
        "apiKey",
        "APIKey",
        "API_KEY",
        "x-api-key",
        "api key",
        "OPENAI_APIKEY",
        "credential",
        "credentials",
        "gcpCredentialsJson",
        "private_key",
        "privateKey",
        "authorization",
        "Authorization",
        "proxyAuthorization",
        "tokenIssuerKey",
        "secretArn",
        "token2",
        "my.secret.value",
        "tökenpassword",
        "IS_PASSWORD",
        "AVG_TOKEN",
        "max_token",
        "admin_token",
        "ADMIN_TOKEN",
        "adminToken",
        "launchpad_token",
        "climax_tokens",
        "per_user_token",
        "TOTAL_WINE_API_TOKEN",
        "video_token",
        "new_token",
        "input_token",
        "session_token",
        "tokenstore",
        "passphrase",
        "SSH_PASSPHRASE",
        "passcode",
        "pwd",
        "DB_PWD",
        "DBPWD",
        "AWS_SECRET_ACCESS_KEY",
        "AccountKey",
        "signing.key",
        "masterKey",
        "secretUrl",
        "passwordServer",
    ] {
        assert!(is_sensitive_key(key), "{key}");
    }
}

#[test]
fn tokens_of_a_text_are_none() {
    for key in [
        "tokenizer",
        "Tokenizer",
        "tokenizers",
        "tokenizer_name_or_path",
        "tokenize",
        "tokenization",
        "tokeniser",
        "tokenised",
        "detokenize",
        "max_tokens",
        "maxTokens",
        "maxtokens",
        "MAX_TOKENS",
        "max_new_tokens",
        "max_num_batched_tokens",
        "min_tokens",
        "input_tokens",
        "output_tokens",
        "output-tokens",
        "mean_output_tokens",
        "prompt_tokens",
        "num_tokens",
        "n_tokens",
        "tokens_per_second",
        "tokensPerSecond",
        "tokenspersecond",
        "time_per_output_token",
        "inter_token_latency",
        "token_count",
        "tokenCount",
        "tokencount",
        "token_count_total",
        "tokenLimit",
        "tokenSize",
        "token_type",
        "token_length",
        "total_token_samples",
        "prompt_token_ids",
        "eos_token",
        "bos_token_id",
        "pad_token",
        "special_tokens",
        "time_to_first_token",
        "token-classification",
    ] {
        assert!(!is_sensitive_key(key), "{key}");
    }
}

#[test]
fn where_a_secret_is_and_what_it_is_like_are_none() {
    for key in [
        "apiKeyEnvVar",
        "apikeyenvvar",
        "tokenEnvVarName",
        "TOKEN_ENV_VAR",
        "secretName",
        "secretname",
        "pullSecretName",
        "secret_name",
        "secretKeyRef",
        "secretRef",
        "secretref",
        "tokenUrl",
        "token_url",
        "tokenurl",
        "tokenEndpoint",
        "passwordFile",
        "passwordfile",
        "tokenFile",
        "tokenPath",
        "passwordless",
        "credentialless",
        "secretary",
        "Secretariat",
        "secretNamespace",
        "authorizationUrl",
        "authorization_servers",
        "imagePullSecrets",
        "isSecret",
        "is_secret",
        "access_token_minutes",
        "password_policy",
    ] {
        assert!(!is_sensitive_key(key), "{key}");
    }
}

#[test]
fn ordinary_keys_are_none() {
    for key in [
        "",
        "name",
        "key",
        "keys",
        "auth",
        "bypass_words",
        "description",
        "mcp_servers",
        "PWD",
        "OLDPWD",
        "cpwdata",
        "encryption_key_name",
        "accessKeyRef",
        "sécrét",
        "to_ken",
    ] {
        assert!(!is_sensitive_key(key), "{key}");
    }
}

#[test]
fn an_exception_does_not_hide_another_secret_in_the_name() {
    for key in ["tokenizer_password", "maxTokensSecret", "secretary_token"] {
        assert!(is_sensitive_key(key), "{key}");
    }
}
