//! Makes a [`Config`] of the sections of the file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use glob::{Pattern, PatternError};
use jiff::Timestamp;
use toml::Spanned;

use super::defaults::{MAX_WORKERS, MIN_SECRET_CHARS, cores};
use super::error::{ConfigError, ConfigProblem, Located};
use super::file::{AccessKeySection, File, InstanceSection, Kind, ShardSection, TokenSection};
use super::resolved::{Backup, Config, Database, Instance, Instances, Secret, Shard, Tls};
use crate::auth::signature::unhex;
use crate::auth::{AccessKey, Credentials, Scope, Token};
use crate::id;

impl Config {
    /// Reads the file at `path`. Relative paths in it start from its directory.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or anything in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(path, "", None, ConfigProblem::Read(error)))?;
        let base = path.parent().map(Path::to_owned).unwrap_or_default();
        config(&text, &base).map_err(|(offset, problem)| ConfigError::new(path, &text, offset, problem))
    }
}

/// A problem at the place of a value.
fn wrong<T, R>(at: &Spanned<T>, problem: ConfigProblem) -> Result<R, Located> {
    Err((Some(at.span().start), problem))
}

/// The configuration that `text` describes. Relative paths start from `base`.
pub(super) fn config(text: &str, base: &Path) -> Result<Config, Located> {
    let file: File = toml::from_str(text).map_err(|error| {
        (error.span().map(|span| span.start), ConfigProblem::Syntax(error.message().to_owned()))
    })?;
    let server = match file.server {
        Some(server) => server,
        None => {
            toml::from_str("").map_err(|error| (None, ConfigProblem::Syntax(error.message().to_owned())))?
        }
    };
    let database = match server.database.as_deref().map(Database::of) {
        Some(Database::File(path)) => Database::File(base.join(path)),
        Some(postgres) => postgres,
        None => Database::File(base.join("bigkeys.db")),
    };
    if let Some(workers) = server.workers.as_ref().filter(|workers| *workers.get_ref() > MAX_WORKERS) {
        return wrong(workers, ConfigProblem::Workers { max: MAX_WORKERS });
    }
    if *server.max_attempts.get_ref() == 0 {
        return wrong(&server.max_attempts, ConfigProblem::MaxAttempts);
    }
    if !(3..=86_400).contains(server.worker_timeout_seconds.get_ref()) {
        return wrong(&server.worker_timeout_seconds, ConfigProblem::WorkerTimeout);
    }
    let on_finished = server.on_finished.as_ref().map(Spanned::get_ref);
    if let Some(empty) = server.on_finished.as_ref().filter(|command| command.get_ref().is_empty()) {
        return wrong(empty, ConfigProblem::OnFinished);
    }
    let roots = file.roots.iter().map(|root| directory(root, base)).collect::<Result<Vec<_>, _>>()?;
    let instances = instances(&file.instances, base)?;
    let credentials = Credentials {
        access_keys: access_keys(&file.access_keys)?,
        tokens: tokens(&file.tokens)?,
        explain: server.explain_signatures,
    };
    let has_files = |instance: &&Spanned<InstanceSection>| {
        instance.get_ref().shards.get_ref().iter().any(|shard| shard.get_ref().url.is_none())
    };
    if let Some(first) = file.instances.iter().find(has_files).filter(|_| roots.is_empty()) {
        return wrong(first, ConfigProblem::NoRoots);
    }
    Ok(Config {
        listen: server.listen,
        database,
        tls: server.tls.map(|tls| Tls { certificate: base.join(tls.certificate), key: base.join(tls.key) }),
        workers: server.workers.map_or_else(cores, Spanned::into_inner),
        max_attempts: server.max_attempts.into_inner(),
        worker_timeout: Duration::from_secs(server.worker_timeout_seconds.into_inner()),
        max_scan: Duration::from_secs(server.max_scan_seconds),
        max_backup_bytes: server.max_backup_bytes,
        requests_per_second: server.requests_per_second,
        connections_per_address: server.connections_per_address,
        synchronous: server.synchronous,
        keep_tasks: server.keep_tasks_days.map(|days| Duration::from_hours(24 * u64::from(days.get()))),
        on_finished: on_finished.cloned().unwrap_or_default(),
        results_secret: results_secret(server.results_secret.as_ref(), server.results_secret_env.as_ref())?,
        credentials,
        instances: Instances::Listed { roots, instances },
    })
}

/// The real path of a directory that exists.
fn directory(root: &Spanned<PathBuf>, base: &Path) -> Result<PathBuf, Located> {
    let path = base.join(root.get_ref());
    match path.canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => wrong(root, ConfigProblem::NotADirectory(root.get_ref().clone())),
        Err(error) => wrong(root, ConfigProblem::Root { path: root.get_ref().clone(), error }),
    }
}

fn scope(name: String, projects: Option<&Vec<Spanned<String>>>, read_only: bool) -> Result<Scope, Located> {
    let projects =
        projects.map(|list| list.iter().map(project).collect::<Result<Vec<_>, _>>()).transpose()?;
    Ok(Scope { name, projects, read_only })
}

fn project(project: &Spanned<String>) -> Result<String, Located> {
    match id::normalize(project.get_ref()) {
        Some(id) => Ok(id),
        None => wrong(project, ConfigProblem::ProjectId),
    }
}

fn access_keys(sections: &[Spanned<AccessKeySection>]) -> Result<HashMap<String, AccessKey>, Located> {
    let mut keys = HashMap::new();
    for section in sections {
        let key = section.get_ref();
        let name = key.access_key.get_ref();
        let secret = match (&key.secret_key, &key.secret_key_env) {
            (Some(secret), None) => secret.clone(),
            (None, Some(name)) => variable(name)?,
            _ => return wrong(section, ConfigProblem::NoSecret),
        };
        if name.is_empty() || secret.is_empty() {
            return wrong(&key.access_key, ConfigProblem::EmptyAccessKey);
        }
        let scope = scope(name.clone(), key.projects.as_ref(), key.read_only)?;
        if keys.insert(name.clone(), AccessKey { secret: secret.into_bytes(), scope }).is_some() {
            return wrong(&key.access_key, ConfigProblem::AccessKeyTwice(name.clone()));
        }
    }
    Ok(keys)
}

/// The value of an environment variable.
fn variable(name: &Spanned<String>) -> Result<String, Located> {
    match std::env::var(name.get_ref()) {
        Ok(value) => Ok(value),
        Err(_) => wrong(name, ConfigProblem::NoVariable(name.get_ref().clone())),
    }
}

fn results_secret(
    secret: Option<&Spanned<String>>,
    name: Option<&Spanned<String>>,
) -> Result<Option<Secret>, Located> {
    let (place, value) = match (secret, name) {
        (None, None) => return Ok(None),
        (Some(secret), None) => (secret, secret.get_ref().clone()),
        (None, Some(name)) => (name, variable(name)?),
        (Some(secret), Some(_)) => return wrong(secret, ConfigProblem::ResultsSecret),
    };
    if value.chars().count() < MIN_SECRET_CHARS {
        return wrong(place, ConfigProblem::ResultsSecret);
    }
    Ok(Some(Secret(value.into_bytes())))
}

fn tokens(sections: &[Spanned<TokenSection>]) -> Result<Vec<Token>, Located> {
    let mut tokens = Vec::new();
    for section in sections {
        let token = section.get_ref();
        let Some(sha256) = unhex(token.sha256.get_ref()) else {
            return wrong(&token.sha256, ConfigProblem::TokenHash);
        };
        let expires_at = match &token.expires_at {
            None => None,
            Some(text) => match text.get_ref().parse::<Timestamp>() {
                Ok(time) => Some(time),
                Err(_) => return wrong(text, ConfigProblem::ExpiresAt),
            },
        };
        let scope = scope(token.name.clone(), token.projects.as_ref(), token.read_only)?;
        tokens.push(Token { sha256, expires_at, scope });
    }
    Ok(tokens)
}

fn instances(sections: &[Spanned<InstanceSection>], base: &Path) -> Result<Vec<Instance>, Located> {
    let mut seen = HashSet::new();
    let mut instances = Vec::new();
    for section in sections {
        let instance = section.get_ref();
        let Some(key) = id::normalize(instance.id.get_ref()) else {
            return wrong(&instance.id, ConfigProblem::InstanceId);
        };
        let id = instance.id.get_ref().clone();
        if !seen.insert(key.clone()) {
            return wrong(&instance.id, ConfigProblem::InstanceTwice(id));
        }
        let is_cluster = instance.kind == Kind::Cluster;
        let sections = instance.shards.get_ref();
        if sections.is_empty() {
            return wrong(&instance.shards, ConfigProblem::NoShards);
        }
        if !is_cluster && sections.len() > 1 {
            return wrong(&instance.shards, ConfigProblem::ManyShards);
        }
        let mut shards = Vec::new();
        for shard in sections {
            shards.push(self::shard(shard, &key, shards.len(), base)?);
        }
        let project = instance.project.as_ref().map(self::project).transpose()?;
        let name = instance.name.clone().unwrap_or_else(|| id.clone());
        instances.push(Instance { id, key, project, name, is_cluster, shards });
    }
    Ok(instances)
}

fn shard(
    section: &Spanned<ShardSection>,
    instance: &str,
    index: usize,
    base: &Path,
) -> Result<Shard, Located> {
    let shard = section.get_ref();
    let address = match &shard.address {
        None => None,
        Some(text) => match text.get_ref().parse() {
            Ok(address) => Some(address),
            Err(_) => {
                return wrong(text, ConfigProblem::Address);
            }
        },
    };
    let backup = match (&shard.file, &shard.glob, &shard.url) {
        (Some(file), None, None) => Backup::File(base.join(file)),
        (None, Some(glob), None) => self::glob(glob, base)?,
        (None, None, Some(url)) if rdb_source::is_remote(Path::new(url.get_ref())) => {
            Backup::Object(url.get_ref().clone())
        }
        (None, None, Some(url)) => {
            return wrong(url, ConfigProblem::Url);
        }
        _ => return wrong(section, ConfigProblem::NoBackup),
    };
    Ok(Shard { node_id: id::derive(&format!("{instance}/{index}")), address, backup })
}

/// A pattern is of file names; a directory is one directory.
fn glob(glob: &Spanned<PathBuf>, base: &Path) -> Result<Backup, Located> {
    let path = base.join(glob.get_ref());
    let (Some(directory), Some(pattern)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return wrong(glob, ConfigProblem::GlobName);
    };
    if directory.to_string_lossy().contains(['*', '?', '[']) {
        return wrong(glob, ConfigProblem::GlobDirectory);
    }
    if pattern.contains(['[', ']', '{', '}']) {
        return wrong(glob, ConfigProblem::GlobSyntax);
    }
    match pattern_of(pattern) {
        Ok(pattern) => Ok(Backup::Newest { directory: directory.to_owned(), pattern }),
        Err(_) => wrong(glob, ConfigProblem::GlobSyntax),
    }
}

/// A pattern with `*` and `?`. Several `*` in a row are one: to the crate `glob` they are a syntax
/// of its own.
fn pattern_of(text: &str) -> Result<Pattern, PatternError> {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '*' || !pattern.ends_with('*') {
            pattern.push(character);
        }
    }
    Pattern::new(&pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        let stars = "*a".repeat(200) + "*b";
        for (pattern, name, is_match) in [
            ("dump-*.rdb", "dump-2026.rdb", true),
            ("dump-*.rdb", "dump-2026.rdb.tmp", false),
            ("dump-*.rdb", "DUMP-2026.rdb", false),
            ("*", "", true),
            ("*", ".hidden", true),
            ("**", "any", true),
            ("a***c", "abc", true),
            ("?", "", false),
            ("?", "é", true),
            ("a*b*c", "aXbXbYc", true),
            ("a*b*c", "aXbXbY", false),
            ("??.rdb", "ab.rdb", true),
            // Takes time proportional to the product of the lengths, and not exponential.
            ("*a*a*a*a*a*b", &"a".repeat(200), false),
            (&stars, &"a".repeat(250), false),
        ] {
            assert_eq!(pattern_of(pattern).expect("valid").matches(name), is_match, "{pattern} {name}");
        }
    }
}
