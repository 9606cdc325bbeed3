//! A list with a cursor.

use std::ops::Range;

use crossterm::event::KeyCode;

/// The cursor of a list, and the part of the list that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    selected: usize,
    first: usize,
    /// Rows of the screen, when it was drawn last.
    height: usize,
}

impl Cursor {
    pub(crate) fn selected(&self) -> usize {
        self.selected
    }

    pub(crate) fn select(&mut self, row: usize) {
        self.selected = row;
    }

    /// Moves the cursor in a list of `rows`. Returns whether the key does that.
    pub(crate) fn press(&mut self, code: KeyCode, rows: usize) -> bool {
        let page = self.height.max(2) - 1;
        let last = rows.saturating_sub(1);
        self.selected = match code {
            KeyCode::Up | KeyCode::Char('k') => self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.selected + 1,
            KeyCode::PageUp => self.selected.saturating_sub(page),
            KeyCode::PageDown => self.selected + page,
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => return false,
        }
        .min(last);
        true
    }

    /// The rows to show of a list of `rows` on `height` lines. The cursor is among them.
    pub(crate) fn shown(&mut self, rows: usize, height: usize) -> Range<usize> {
        self.height = height;
        self.selected = self.selected.min(rows.saturating_sub(1));
        let lowest = (self.selected + 1).saturating_sub(height);
        self.first = self.first.clamp(lowest, self.selected.max(lowest)).min(rows.saturating_sub(height));
        self.first..rows.min(self.first + height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_the_list_and_on_the_screen() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.shown(100, 10), 0..10);
        for code in [KeyCode::Up, KeyCode::Down, KeyCode::Char('j'), KeyCode::PageDown] {
            assert!(cursor.press(code, 100));
        }
        assert_eq!((cursor.selected(), cursor.shown(100, 10)), (11, 2..12));
        cursor.press(KeyCode::End, 100);
        assert_eq!((cursor.selected(), cursor.shown(100, 10)), (99, 90..100));
        assert_eq!(cursor.shown(100, 20), 80..100, "a larger window shows more");
        assert_eq!(cursor.shown(5, 10), 0..5, "the list became shorter");
        assert_eq!(cursor.shown(0, 10), 0..0);
        assert!(!cursor.press(KeyCode::Enter, 5));
    }
}
