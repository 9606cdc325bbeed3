//! Lays out a treemap: rectangles whose areas are shares of a whole.
//!
//! Source: Bruls, Huizing and van Wijk, *Squarified Treemaps* (2000).

/// Width of the picture divided by its height.
const ASPECT: f64 = 2.0;

/// A rectangle, in percent of the picture's width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Rect {
    /// The whole picture.
    pub(crate) const WHOLE: Self = Self { x: 0.0, y: 0.0, width: 100.0, height: 100.0 };
}

/// A rectangle for each weight, with an area in proportion to it. The weights come in descending order.
pub(crate) fn layout(weights: &[u64]) -> Vec<Rect> {
    let whole: f64 = weights.iter().map(|&weight| double(weight)).sum();
    let mut free = Rect { x: 0.0, y: 0.0, width: 100.0 * ASPECT, height: 100.0 };
    let mut rects = Vec::with_capacity(weights.len());
    let scale = if whole > 0.0 { free.width * free.height / whole } else { 0.0 };
    let areas: Vec<f64> = weights.iter().map(|&weight| double(weight) * scale).collect();
    let mut rest = &areas[..];
    while !rest.is_empty() {
        let side = free.width.min(free.height);
        let (row, after) = rest.split_at(row_len(rest, side));
        rest = after;
        let area: f64 = row.iter().sum();
        let depth = if side > 0.0 { area / side } else { 0.0 };
        let mut offset = 0.0;
        for part in row {
            let length = if depth > 0.0 { part / depth } else { 0.0 };
            rects.push(if free.width >= free.height {
                Rect { x: free.x, y: free.y + offset, width: depth, height: length }
            } else {
                Rect { x: free.x + offset, y: free.y, width: length, height: depth }
            });
            offset += length;
        }
        if free.width >= free.height {
            free.x += depth;
            free.width = (free.width - depth).max(0.0);
        } else {
            free.y += depth;
            free.height = (free.height - depth).max(0.0);
        }
    }
    for rect in &mut rects {
        rect.x /= ASPECT;
        rect.width /= ASPECT;
    }
    rects
}

/// Number of areas in the next row: one more as long as that makes the rectangles more like squares.
fn row_len(areas: &[f64], side: f64) -> usize {
    let (mut len, mut sum, mut worst) = (0, 0.0, f64::INFINITY);
    let largest = areas.first().copied().unwrap_or(0.0);
    for &area in areas {
        sum += area;
        // The longest and the shortest of the row are its first and its last.
        let square = side * side;
        let next = if area > 0.0 {
            (square * largest / (sum * sum)).max(sum * sum / (square * area))
        } else {
            worst
        };
        if next > worst {
            break;
        }
        worst = next;
        len += 1;
    }
    len.max(1)
}

#[allow(clippy::cast_precision_loss, reason = "a length in a picture")]
fn double(weight: u64) -> f64 {
    weight as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_halves_stand_side_by_side() {
        let rects = layout(&[5, 5]);
        assert_eq!(rects[0], Rect { x: 0.0, y: 0.0, width: 50.0, height: 100.0 });
        assert_eq!(rects[1], Rect { x: 50.0, y: 0.0, width: 50.0, height: 100.0 });
        assert_eq!(layout(&[]), []);
        assert_eq!(layout(&[0, 0]).len(), 2);
    }

    proptest! {
        #[test]
        fn areas_are_shares_and_stay_inside(mut weights in proptest::collection::vec(0u64..1 << 40, 1..80)) {
            weights.sort_unstable_by(|a, b| b.cmp(a));
            let whole: u64 = weights.iter().sum();
            prop_assume!(whole > 0);
            let rects = layout(&weights);
            prop_assert_eq!(rects.len(), weights.len());
            for (rect, weight) in rects.iter().zip(&weights) {
                let share = double(*weight) / double(whole) * 10_000.0;
                prop_assert!((rect.width * rect.height - share).abs() < 1e-6 * share + 1e-6);
                prop_assert!(rect.x >= -1e-9 && rect.x + rect.width <= 100.0 + 1e-6, "{rect:?}");
                prop_assert!(rect.y >= -1e-9 && rect.y + rect.height <= 100.0 + 1e-6, "{rect:?}");
            }
        }
    }
}
