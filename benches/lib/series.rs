//! Points for plots, out of the raw numbers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::samples::median;

/// Returns the points of a curve, by `x`: of the lines of a figure in the text of a [`Record`](crate::record::Record),
/// the field `x`, and the median of the field `y` of the lines with the same `x`. Lines without one of them are left
/// out.
///
/// ```
/// use safekit_benches::series::series;
///
/// let text = r#"
/// {"figure":"agents","nodes":8,"cpu_percent":0.9}
/// {"figure":"agents","nodes":2,"cpu_percent":0.3}
/// {"figure":"agents","nodes":2,"cpu_percent":0.2}
/// {"figure":"agents","nodes":2,"cpu_percent":0.4}
/// {"figure":"rest","nodes":2,"cpu_percent":7.0}
/// "#;
/// assert_eq!(series(text, "agents", "nodes", "cpu_percent"), [(2.0, 0.3), (8.0, 0.9)]);
/// ```
#[must_use]
pub fn series(text: &str, figure: &str, x: &str, y: &str) -> Vec<(f64, f64)> {
    let mut found: BTreeMap<u64, (f64, Vec<f64>)> = BTreeMap::new();
    for line in text.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let field = |name: &str| line.get(name).and_then(Value::as_f64);
        if line.get("figure").and_then(Value::as_str) != Some(figure) {
            continue;
        }
        if let (Some(x), Some(y)) = (field(x), field(y)) {
            // The bits of positive numbers are in their order.
            found.entry(x.to_bits()).or_insert((x, Vec::new())).1.push(y);
        }
    }
    found.into_values().map(|(x, ys)| (x, median(ys))).collect()
}
