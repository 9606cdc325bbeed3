//! Keys given to a sink from inside the loop are the keys that are pulled one by one, whatever the
//! file.

use std::ops::ControlFlow;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rdb_parser::keys::{KeyRun, KeySink};
use rdb_parser::{Dialect, Entry, Event, Input, Options, Parser, SliceInput, Window};

/// Damaged copies made of each file.
const COPIES: u64 = 60;

/// Everything that a caller of the parser sees, as text.
type Story = Vec<String>;

/// Errors after which reading is given up: a damaged file may have many.
const MAX_ERRORS: usize = 50;

fn pulled<I: Input>(mut parser: Parser<I>) -> Story {
    let mut story = Vec::new();
    let mut errors = 0;
    while errors < MAX_ERRORS {
        match parser.next_event() {
            Ok(None) => break,
            Ok(Some(Event::Entry(entry))) => story.push(format!("{entry:?}")),
            Ok(Some(event)) => story.push(format!("{event:?}")),
            Err(error) => {
                errors += 1;
                story.push(error.to_string());
            }
        }
    }
    story.push(format!("{} {}", parser.position(), parser.overhead_bytes()));
    story
}

/// Records keys, and breaks now and then.
struct Notes {
    story: Story,
    every: usize,
    visitor: (),
}

impl KeySink for Notes {
    type Visitor = ();
    type Break = ();

    fn visitor(&mut self) -> &mut () {
        &mut self.visitor
    }

    fn key(&mut self, entry: &Entry<'_>) -> ControlFlow<()> {
        self.story.push(format!("{entry:?}"));
        if self.story.len().is_multiple_of(self.every) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn given<I: Input>(mut parser: Parser<I>, stretch_bytes: u64, every: usize) -> Story {
    let mut notes = Notes { story: Vec::new(), every, visitor: () };
    let mut errors = 0;
    while errors < MAX_ERRORS {
        let bound = parser.position().saturating_add(stretch_bytes);
        match parser.read_keys(bound, &mut notes) {
            Ok(KeyRun::End) => break,
            Ok(KeyRun::Event(Event::Entry(entry))) => notes.story.push(format!("{entry:?}")),
            Ok(KeyRun::Event(event)) => notes.story.push(format!("{event:?}")),
            Ok(_) => {}
            Err(error) => {
                errors += 1;
                notes.story.push(error.to_string());
            }
        }
    }
    notes.story.push(format!("{} {}", parser.position(), parser.overhead_bytes()));
    notes.story
}

fn files(dir: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rdb" || extension == "dfs") {
            found.push(std::fs::read(&path).expect("a file"));
        }
    }
}

#[test]
fn a_sink_is_given_what_is_pulled() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata"), &mut found);
    assert!(found.len() > 20, "{} files", found.len());
    let mut rng = SmallRng::seed_from_u64(7);
    let mut keys = 0;
    for file in found {
        for copy in 0..=COPIES {
            let mut bytes = file.clone();
            // The first is whole.
            for _ in 0..copy.min(3) {
                let at = rng.random_range(9..bytes.len());
                bytes[at] = rng.random();
            }
            if copy % 5 == 4 {
                bytes.truncate(rng.random_range(9..bytes.len()));
            }
            let options = Options::default();
            let slice = || Parser::new(SliceInput::new(&bytes), options.clone());
            let Ok(parser) = slice() else { continue };
            let story = pulled(parser);
            keys += story.len();
            let stretch = [1, 300, u64::MAX][usize::try_from(copy % 3).expect("small")];
            let every = rng.random_range(1..200);
            assert_eq!(given(slice().expect("as before"), stretch, every), story);
            let window = Parser::new(Window::new(bytes.as_slice(), None), options).expect("as the slice");
            let through_window = given(window, stretch, every);
            // Without a length known beforehand, damage may be noticed later and elsewhere.
            if copy == 0 {
                assert_eq!(through_window, story);
            }
        }
    }
    assert!(keys > 10_000, "{keys}");
}

#[test]
fn a_parser_is_between_keys_only_when_every_event_was_given() {
    // An expiry without a key makes a warning of the end, which is given before the end itself.
    let file = b"REDIS0003\x00\x01k\x01v\xfc\x01\x02\x03\x04\x05\x06\x07\x08\xff";
    let mut parser = Parser::from_slice(file).expect("a header");
    assert!(parser.is_between_keys());
    assert!(matches!(parser.next_event(), Ok(Some(Event::Entry(_)))));
    assert!(parser.is_between_keys());
    assert!(matches!(parser.next_event(), Ok(Some(Event::Warning { .. }))));
    assert_eq!(parser.position(), file.len() as u64);
    assert!(!parser.is_between_keys(), "the end is still to come");
    assert!(matches!(parser.next_event(), Ok(Some(Event::End { .. }))));
    assert!(!parser.is_between_keys(), "nothing follows");
}

#[test]
fn that_a_file_is_dragonflys_is_said_before_the_key_that_shows_it() {
    let file = b"REDIS0003\x00\x01k\x01v\xdc\x00\x00\x00\x00\x00\x01f\x01v\xff";
    let mut parser = Parser::from_slice(file).expect("a header");
    assert!(matches!(parser.next_event(), Ok(Some(Event::Entry(_)))));
    assert_eq!(parser.state().dialect, Dialect::Redis);
    assert!(matches!(parser.next_event(), Ok(Some(Event::Warning { .. }))));
    assert_eq!(parser.state().dialect, Dialect::Dragonfly);
    let Ok(Some(Event::Entry(entry))) = parser.next_event() else { panic!("no key") };
    assert_eq!(entry.span, 14..24);
}
