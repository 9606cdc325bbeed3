//! The configuration of the service.
//!
//! The module `file` has the sections of the file as they are written. [`resolve`] makes a
//! [`Config`] of them, in which every reference is resolved and every value is in range. An error
//! names the line.

mod defaults;
mod error;
mod file;
mod resolve;
mod resolved;

pub use defaults::DEFAULT_LISTEN;
pub use error::{ConfigError, ConfigProblem};
pub(crate) use resolved::{Backup, Instance, Instances, Shard, Synchronous, Tls};
pub use resolved::{Config, Database};

/// A commented example, as `bigkeys serve --init` writes it.
pub const EXAMPLE: &str = include_str!("example.toml");

#[cfg(test)]
mod tests {
    use super::defaults::cores;
    use super::*;

    const ID: &str = "5560df16-cebf-4473-95c4-d1b573c16e79";

    fn read(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bigkeys.toml");
        if text != EXAMPLE {
            std::fs::create_dir(dir.path().join("backups")).expect("made");
        }
        std::fs::write(&path, text).expect("written");
        Config::read(&path).map_err(|error| {
            let text = error.to_string();
            text.strip_prefix(&format!("{}: ", path.display())).expect("starts with the path").to_owned()
        })
    }

    #[test]
    fn the_example_is_valid_as_it_is() {
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
            ("[server]\nsynchronous = \"off\"", "line 2: unknown variant `off`"),
            ("[server]\nkeep_tasks_days = 0", "line 2: invalid value: integer `0`"),
            ("[server]\non_finished = []", "line 2: on_finished must name a program"),
            ("[server]\nresults_secret = \"short\"", "line 2: results_secret must have"),
            ("[server]\nresults_secret_env = \"NO SUCH\"", "line 2: the environment has no variable NO SUCH"),
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
