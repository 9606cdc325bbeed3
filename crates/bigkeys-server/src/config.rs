//! The configuration file.
//!
//! Parsing is one step and gives [`Config`], in which every reference is resolved and every value is in
//! range; an error names the line.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;

use super::auth::signature::unhex;
use super::auth::{AccessKey, Credentials, Scope, Token};
use super::id;

/// Where the service listens unless told otherwise.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8635);

/// Scans at a time, at most.
const MAX_WORKERS: u16 = 64;

/// A commented example, as `bigkeys serve --init` writes it.
pub const EXAMPLE: &str = include_str!("example.toml");

/// A validated configuration.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where tasks are kept.
    pub database: Database,
    pub(crate) tls: Option<Tls>,
    /// Shards scanned at a time. 0: others scan, which needs a database that they can use.
    pub(crate) workers: u16,
    pub(crate) max_attempts: u16,
    pub(crate) worker_timeout: Duration,
    pub(crate) max_scan: Duration,
    pub(crate) max_backup_bytes: Option<u64>,
    pub(crate) requests_per_second: u32,
    pub(crate) credentials: Credentials,
    pub(crate) instances: Instances,
}

/// A database for tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of `SQLite`, for one process.
    File(PathBuf),
    /// A database of `PostgreSQL`, for any number of processes: its URL, which may hold a password.
    Postgres(String),
}

impl Database {
    /// What `text` names: a URL or the path of a file.
    pub fn of(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(text.to_owned())
        } else {
            Self::File(text.into())
        }
    }
}

/// Without what may be secret.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(_) => f.write_str("the PostgreSQL database"),
        }
    }
}

impl Instance {
    /// The nodes of all shards.
    pub(crate) fn nodes(&self) -> Vec<String> {
        self.shards.iter().map(|shard| shard.node_id.clone()).collect()
    }
}

/// Files of a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What is served.
#[derive(Clone, Debug)]
pub(crate) enum Instances {
    /// Each RDB file below a directory is an instance.
    Directory(PathBuf),
    /// As configured.
    Listed {
        /// Directories that every backup must be in.
        roots: Vec<PathBuf>,
        instances: Vec<Instance>,
    },
}

/// An instance whose backups can be analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// Its id as the operator wrote it, and as answers have it.
    pub(crate) id: String,
    /// Its id in the one form in which ids are compared and stored.
    pub(crate) key: String,
    /// `None`: of whatever project is asked for.
    pub(crate) project: Option<String>,
    pub(crate) name: String,
    pub(crate) is_cluster: bool,
    pub(crate) shards: Vec<Shard>,
}

/// One shard and where its backups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Its id in the offline analysis.
    pub(crate) node_id: String,
    /// `ip:port`.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) backup: Backup,
}

/// Where a shard's backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backup {
    /// This file.
    File(PathBuf),
    /// The newest of the files in a directory whose names match.
    Newest {
        /// The directory.
        directory: PathBuf,
        /// Of the name, with `*` and `?`.
        pattern: String,
    },
    /// An object in a store or on a web server: its URL, whose query may be a secret.
    Object(String),
}

/// What is wrong with a configuration, and in which line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ": line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Config {
    /// Serves every RDB file below `directory`, to everybody on this machine.
    pub fn for_directory(directory: PathBuf, database: Database) -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            database,
            tls: None,
            workers: cores(),
            max_attempts: default_max_attempts().into_inner(),
            worker_timeout: Duration::from_secs(default_worker_timeout_seconds().into_inner()),
            max_scan: Duration::from_secs(default_max_scan_seconds()),
            max_backup_bytes: None,
            requests_per_second: default_requests_per_second(),
            credentials: Credentials::default(),
            instances: Instances::Directory(directory),
        }
    }

    /// Reads the file at `path`. Relative paths in it start from its directory.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or anything in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |message: String| ConfigError { path: path.to_owned(), line: None, message };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let base = path.parent().map(Path::to_owned).unwrap_or_default();
        parse(&text, &base).map_err(|(offset, message)| ConfigError {
            path: path.to_owned(),
            line: offset.and_then(|at| text.get(..at)).map(|before| before.matches('\n').count() + 1),
            message,
        })
    }
}

/// Offset in the text, if it is known, and what is wrong there.
type Wrong = (Option<usize>, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    server: Option<ServerSection>,
    #[serde(default)]
    roots: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    access_keys: Vec<Spanned<AccessKeySection>>,
    #[serde(default)]
    tokens: Vec<Spanned<TokenSection>>,
    #[serde(default)]
    instances: Vec<Spanned<InstanceSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerSection {
    #[serde(default = "default_listen")]
    listen: SocketAddr,
    database: Option<String>,
    tls: Option<TlsSection>,
    workers: Option<Spanned<u16>>,
    #[serde(default = "default_max_attempts")]
    max_attempts: Spanned<u16>,
    #[serde(default = "default_worker_timeout_seconds")]
    worker_timeout_seconds: Spanned<u64>,
    #[serde(default = "default_max_scan_seconds")]
    max_scan_seconds: u64,
    max_backup_bytes: Option<u64>,
    #[serde(default = "default_requests_per_second")]
    requests_per_second: u32,
    #[serde(default)]
    explain_signatures: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSection {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessKeySection {
    access_key: Spanned<String>,
    secret_key: Option<String>,
    secret_key_env: Option<Spanned<String>>,
    projects: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    read_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenSection {
    name: String,
    sha256: Spanned<String>,
    expires_at: Option<Spanned<String>>,
    projects: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    read_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstanceSection {
    id: Spanned<String>,
    project: Option<Spanned<String>>,
    name: Option<String>,
    kind: Kind,
    shards: Spanned<Vec<Spanned<ShardSection>>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Single,
    Cluster,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShardSection {
    address: Option<Spanned<String>>,
    file: Option<PathBuf>,
    glob: Option<Spanned<PathBuf>>,
    url: Option<Spanned<String>>,
}

fn default_listen() -> SocketAddr {
    DEFAULT_LISTEN
}

fn cores() -> u16 {
    std::thread::available_parallelism()
        .map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(MAX_WORKERS))
        .min(MAX_WORKERS)
}

fn default_max_attempts() -> Spanned<u16> {
    Spanned::new(0..0, 2)
}

fn default_worker_timeout_seconds() -> Spanned<u64> {
    Spanned::new(0..0, 30)
}

fn default_max_scan_seconds() -> u64 {
    3600
}

fn default_requests_per_second() -> u32 {
    1000
}

fn wrong<T, R>(at: &Spanned<T>, message: impl Into<String>) -> Result<R, Wrong> {
    Err((Some(at.span().start), message.into()))
}

fn parse(text: &str, base: &Path) -> Result<Config, Wrong> {
    let file: File = toml::from_str(text)
        .map_err(|error| (error.span().map(|span| span.start), error.message().to_owned()))?;
    let server = match file.server {
        Some(server) => server,
        None => toml::from_str("").map_err(|error| (None, error.message().to_owned()))?,
    };
    let database = match server.database.as_deref().map(Database::of) {
        Some(Database::File(path)) => Database::File(base.join(path)),
        Some(postgres) => postgres,
        None => Database::File(base.join("bigkeys.db")),
    };
    if let Some(workers) = server.workers.as_ref().filter(|workers| *workers.get_ref() > MAX_WORKERS) {
        return wrong(workers, format!("workers must be at most {MAX_WORKERS}"));
    }
    if *server.max_attempts.get_ref() == 0 {
        return wrong(&server.max_attempts, "max_attempts must be at least 1");
    }
    if !(3..=86_400).contains(server.worker_timeout_seconds.get_ref()) {
        return wrong(&server.worker_timeout_seconds, "worker_timeout_seconds must be from 3 to 86400");
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
        return wrong(first, "instances need roots = [...], the directories that their backups are in");
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
        credentials,
        instances: Instances::Listed { roots, instances },
    })
}

/// The real path of a directory that exists.
fn directory(root: &Spanned<PathBuf>, base: &Path) -> Result<PathBuf, Wrong> {
    let path = base.join(root.get_ref());
    match path.canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => wrong(root, format!("{} is no directory", root.get_ref().display())),
        Err(error) => wrong(root, format!("{}: {error}", root.get_ref().display())),
    }
}

fn scope(name: String, projects: Option<&Vec<Spanned<String>>>, read_only: bool) -> Result<Scope, Wrong> {
    let projects =
        projects.map(|list| list.iter().map(project).collect::<Result<Vec<_>, _>>()).transpose()?;
    Ok(Scope { name, projects, read_only })
}

fn project(project: &Spanned<String>) -> Result<String, Wrong> {
    match id::normalize(project.get_ref()) {
        Some(id) => Ok(id),
        None => {
            wrong(project, "a project's id is 32 hexadecimal digits, with or without the dashes of a UUID")
        }
    }
}

fn access_keys(sections: &[Spanned<AccessKeySection>]) -> Result<HashMap<String, AccessKey>, Wrong> {
    let mut keys = HashMap::new();
    for section in sections {
        let key = section.get_ref();
        let name = key.access_key.get_ref();
        let secret = match (&key.secret_key, &key.secret_key_env) {
            (Some(secret), None) => secret.clone(),
            (None, Some(variable)) => {
                let Ok(secret) = std::env::var(variable.get_ref()) else {
                    let text = format!("the environment has no variable {}", variable.get_ref());
                    return wrong(variable, text);
                };
                secret
            }
            _ => return wrong(section, "an access key needs either secret_key or secret_key_env"),
        };
        if name.is_empty() || secret.is_empty() {
            return wrong(&key.access_key, "an access key and its secret must not be empty");
        }
        let scope = scope(name.clone(), key.projects.as_ref(), key.read_only)?;
        if keys.insert(name.clone(), AccessKey { secret: secret.into_bytes(), scope }).is_some() {
            return wrong(&key.access_key, format!("the access key {name} is there twice"));
        }
    }
    Ok(keys)
}

fn tokens(sections: &[Spanned<TokenSection>]) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    for section in sections {
        let token = section.get_ref();
        let Some(sha256) = unhex(token.sha256.get_ref()) else {
            return wrong(&token.sha256, "sha256 must be the 64 hexadecimal digits of the token's SHA-256");
        };
        let expires_at = match &token.expires_at {
            None => None,
            Some(text) => match text.get_ref().parse::<Timestamp>() {
                Ok(time) => Some(time),
                Err(_) => return wrong(text, "expires_at must be a time such as \"2027-01-01T00:00:00Z\""),
            },
        };
        let scope = scope(token.name.clone(), token.projects.as_ref(), token.read_only)?;
        tokens.push(Token { sha256, expires_at, scope });
    }
    Ok(tokens)
}

fn instances(sections: &[Spanned<InstanceSection>], base: &Path) -> Result<Vec<Instance>, Wrong> {
    let mut seen = HashSet::new();
    let mut instances = Vec::new();
    for section in sections {
        let instance = section.get_ref();
        let Some(key) = id::normalize(instance.id.get_ref()) else {
            return wrong(
                &instance.id,
                "an instance's id is 32 hexadecimal digits, with or without the dashes of a UUID",
            );
        };
        let id = instance.id.get_ref().clone();
        if !seen.insert(key.clone()) {
            return wrong(&instance.id, format!("the instance {id} is there twice"));
        }
        let is_cluster = instance.kind == Kind::Cluster;
        let sections = instance.shards.get_ref();
        if sections.is_empty() {
            return wrong(&instance.shards, "an instance needs at least one shard");
        }
        if !is_cluster && sections.len() > 1 {
            return wrong(&instance.shards, "an instance of kind \"single\" has one shard");
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

fn shard(section: &Spanned<ShardSection>, instance: &str, index: usize, base: &Path) -> Result<Shard, Wrong> {
    let shard = section.get_ref();
    let address = match &shard.address {
        None => None,
        Some(text) => match text.get_ref().parse() {
            Ok(address) => Some(address),
            Err(_) => {
                return wrong(text, "address must be an IP address and a port, such as \"10.0.0.1:6379\"");
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
            return wrong(url, "url must begin with s3://, gs://, az://, http:// or https://");
        }
        _ => return wrong(section, "a shard needs one of file, glob and url"),
    };
    Ok(Shard { node_id: id::derive(&format!("{instance}/{index}")), address, backup })
}

/// A pattern is of file names; a directory is one directory.
fn glob(glob: &Spanned<PathBuf>, base: &Path) -> Result<Backup, Wrong> {
    let path = base.join(glob.get_ref());
    let (Some(directory), Some(pattern)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return wrong(glob, "glob must end in a pattern of file names, such as \"backups/dump-*.rdb\"");
    };
    if directory.to_string_lossy().contains(['*', '?', '[']) {
        return wrong(glob, "only the last part of a glob may be a pattern");
    }
    if pattern.contains(['[', ']', '{', '}']) {
        return wrong(glob, "patterns know * and ? only");
    }
    Ok(Backup::Newest { directory: directory.to_owned(), pattern: pattern.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5560df16-cebf-4473-95c4-d1b573c16e79";

    fn read(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bigkeys.toml");
        std::fs::create_dir(dir.path().join("backups")).expect("made");
        std::fs::write(&path, text).expect("written");
        Config::read(&path).map_err(|error| {
            let text = error.to_string();
            text.strip_prefix(&format!("{}: ", path.display())).expect("starts with the path").to_owned()
        })
    }

    #[test]
    fn the_example_is_valid_once_its_directory_exists() {
        let config = read(EXAMPLE).expect("valid");
        assert_eq!(config.listen, DEFAULT_LISTEN);
        let Instances::Listed { instances, roots } = config.instances else { panic!("listed") };
        assert_eq!((instances.len(), roots.len()), (2, 1));
        assert!(instances[1].is_cluster);
        assert!(config.credentials.is_open(), "its credentials are commented out");
    }

    #[test]
    fn an_empty_file_is_a_valid_configuration() {
        let config = read("").expect("valid");
        assert_eq!((config.workers, config.requests_per_second), (cores(), 1000));
    }

    #[test]
    fn messages_name_the_line() {
        let shard = "kind = \"single\"\nshards = [{ file = \"a\" }]\n";
        for (text, message) in [
            ("\nrots = []", "line 2: unknown field `rots`"),
            ("[server]\nlisten = \"localhost\"", "line 2: invalid socket address syntax"),
            ("[server]\n\nworkers = 65", "line 3: workers must be at most 64"),
            ("[server]\nmax_attempts = 0", "line 2: max_attempts must be"),
            ("[server]\nworker_timeout_seconds = 1", "line 2: worker_timeout_seconds must be"),
            ("[server]\nworkers = \"many\"", "line 2: invalid type"),
            ("roots = [\n\"backups\",\n\"nothing\"]", "line 3: nothing: No such file"),
            ("x = ", "line 1"),
            ("[[tokens]]\nname = \"a\"\nsha256 = \"12\"", "line 3: sha256 must be the 64"),
            ("[[access_keys]]\naccess_key = \"a\"", "line 1: an access key needs either"),
            (
                &format!(
                    "[[instances]]\nid = \"{ID}\"\nkind = \"single\"\nshards = [{{ url = \"ftp://host/a.rdb\" }}]"
                ),
                "line 4: url must begin with s3://",
            ),
            (
                "[[access_keys]]\naccess_key = \"a\"\nsecret_key_env = \"NO SUCH\"",
                "line 3: the environment has no",
            ),
            (&format!("[[instances]]\nid = \"x\"\n{shard}"), "line 2: an instance's id is 32"),
            (&format!("[[instances]]\nid = \"{ID}\"\n{shard}"), "line 1: instances need roots"),
            (
                &format!(
                    "roots = [\"backups\"]\n[[instances]]\nid = \"{ID}\"\n{shard}[[instances]]\nid = \"{}\"\n{shard}",
                    ID.replace('-', "")
                ),
                "line 7: the instance 5560df16cebf447395c4d1b573c16e79 is there twice",
            ),
            (
                &format!(
                    "[[instances]]\nid = \"{ID}\"\nkind = \"single\"\nshards = [{{ glob = \"*/a.rdb\" }}]"
                ),
                "line 4: only the last part",
            ),
            (
                &format!(
                    "[[instances]]\nid = \"{ID}\"\nkind = \"cluster\"\nshards = [\n{{ file = \"a\", address = \"host:1\" }}]"
                ),
                "line 5: address must be",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(message), "{error}\ninstead of\n{message}\nfor\n{text}");
        }
    }
}
