//! Authentication of requests by signatures and tokens.

pub(crate) mod signature;

use std::collections::HashMap;
use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use self::signature::{Authorization, Refusal, Request};
use super::error::ApiError;

/// The permissions of a key or token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The name of the key or token in logs and for the rate limit. Never the secret.
    pub(crate) name: String,
    /// The projects that requests may name; `None` for all.
    pub(crate) projects: Option<Vec<String>>,
    /// Whether only reading is allowed.
    pub(crate) read_only: bool,
}

impl Scope {
    /// The scope of every sender where no credentials are configured.
    pub(crate) fn unrestricted() -> Self {
        Self { name: "anonymous".to_owned(), projects: None, read_only: false }
    }

    pub(crate) fn allows_project(&self, project: &str) -> bool {
        self.projects.as_ref().is_none_or(|projects| projects.iter().any(|known| known == project))
    }
}

/// A key pair that signs requests.
pub(crate) struct AccessKey {
    pub(crate) secret: Vec<u8>,
    pub(crate) scope: Scope,
}

/// A token, known by its hash.
pub(crate) struct Token {
    pub(crate) sha256: [u8; 32],
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) scope: Scope,
}

/// All configured credentials.
#[derive(Default)]
pub(crate) struct Credentials {
    pub(crate) access_keys: HashMap<String, AccessKey>,
    pub(crate) tokens: Vec<Token>,
    /// Whether the answer to a wrong signature shows the canonical request.
    pub(crate) explain: bool,
}

// Implemented by hand, so that no secret gets into a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_keys", &self.access_keys.len())
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Whether there are no credentials, so that every user of this machine is allowed.
    pub(crate) fn is_open(&self) -> bool {
        self.access_keys.is_empty() && self.tokens.is_empty()
    }

    /// Identifies the sender of `request`.
    ///
    /// # Errors
    ///
    /// The answer to an unknown sender.
    pub(crate) fn authenticate(&self, request: Request<'_>, now: Timestamp) -> Result<Scope, ApiError> {
        if self.is_open() {
            return Ok(Scope::unrestricted());
        }
        if let Some(value) = request.headers.get("x-auth-token") {
            return self.token(value.as_bytes(), now);
        }
        let Some(value) = request.headers.get(AUTHORIZATION) else { return Err(ApiError::NO_TOKEN) };
        if let Some(token) = value.as_bytes().strip_prefix(b"Bearer ") {
            return self.token(token, now);
        }
        let value = value.to_str().map_err(|_| ApiError::SIGNATURE)?;
        if value.split(' ').next() != Some(signature::SCHEME) {
            return Err(ApiError::SIGNATURE_SCHEME);
        }
        self.signed(value, request, now)
    }

    /// Compares with every token, so that the time does not reveal a similar one.
    fn token(&self, token: &[u8], now: Timestamp) -> Result<Scope, ApiError> {
        let digest = Sha256::digest(token);
        let mut found = None;
        for known in &self.tokens {
            if bool::from(known.sha256.ct_eq(digest.as_ref())) {
                found = Some(known);
            }
        }
        let token = found.ok_or(ApiError::TOKEN)?;
        if token.expires_at.is_some_and(|at| at <= now) {
            return Err(ApiError::TOKEN_EXPIRED);
        }
        Ok(token.scope.clone())
    }

    fn signed(&self, value: &str, request: Request<'_>, now: Timestamp) -> Result<Scope, ApiError> {
        let authorization = Authorization::parse(value).map_err(|_| ApiError::SIGNATURE)?;
        let key = self.access_keys.get(authorization.access_key);
        // An unknown key takes as long as a known one and gets the same answer.
        let secret = key.map_or(b"unknown".as_slice(), |key| &key.secret);
        let verified = authorization.verify(secret, request, now);
        match (key, verified) {
            (Some(key), Ok(())) => Ok(key.scope.clone()),
            (_, Err(Refusal::Date)) => Err(ApiError::SIGNATURE_DATE),
            _ => Err(self.explained(&authorization, request)),
        }
    }

    fn explained(&self, authorization: &Authorization<'_>, request: Request<'_>) -> ApiError {
        let canonical = if self.explain { authorization.canonical(request) } else { None };
        match canonical {
            Some(canonical) => {
                let canonical = canonical.replace('\n', "|");
                let message = format!("{},canonicalRequest:{canonical}", ApiError::SIGNATURE.message);
                ApiError { message: message.into(), ..ApiError::SIGNATURE }
            }
            None => ApiError::SIGNATURE,
        }
    }
}

/// Whether a request carries anything that looks like a credential.
pub(crate) fn has_credential(headers: &HeaderMap) -> bool {
    headers.contains_key("x-auth-token") || headers.contains_key(AUTHORIZATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        let scope = |name: &str| Scope { name: name.to_owned(), projects: None, read_only: true };
        Credentials {
            access_keys: HashMap::new(),
            tokens: vec![
                Token { sha256: Sha256::digest(b"one").into(), expires_at: None, scope: scope("first") },
                Token {
                    sha256: Sha256::digest(b"old").into(),
                    expires_at: Some("2026-01-01T00:00:00Z".parse().expect("a time")),
                    scope: scope("second"),
                },
            ],
            explain: false,
        }
    }

    fn ask(name: &'static str, value: &str) -> Result<Scope, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a value"));
        let request = Request { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
        credentials().authenticate(request, "2026-01-02T00:00:00Z".parse().expect("a time"))
    }

    #[test]
    fn tokens_are_known_by_their_hash_and_until_they_expire() {
        assert_eq!(ask("x-auth-token", "one").map(|scope| scope.name), Ok("first".to_owned()));
        assert_eq!(ask("authorization", "Bearer one").map(|scope| scope.name), Ok("first".to_owned()));
        assert_eq!(ask("x-auth-token", "old"), Err(ApiError::TOKEN_EXPIRED));
        assert_eq!(ask("x-auth-token", "two"), Err(ApiError::TOKEN));
        assert_eq!(ask("accept", "one"), Err(ApiError::NO_TOKEN));
    }

    #[test]
    fn another_scheme_is_named_as_such() {
        assert_eq!(ask("authorization", "SDK-HMAC-SM3 Access=a"), Err(ApiError::SIGNATURE_SCHEME));
        assert_eq!(ask("authorization", "SDK-HMAC-SHA256 Access=a"), Err(ApiError::SIGNATURE));
    }

    #[test]
    fn debug_output_has_no_secret() {
        assert!(!format!("{:?}", credentials()).contains("sha256"));
    }
}
