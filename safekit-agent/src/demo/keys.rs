//! What the keys of the live demo mean.

/// What is done to the chosen node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Kill its application.
    KillApplication,
    /// Kill its agent.
    KillAgent,
    /// Freeze its guardian and agent, or let them go on.
    Freeze,
    /// `safekit stop`.
    Stop,
    /// `safekit start`; a host that is off is switched on first.
    Start,
    /// Take the host's power, or give it back.
    Power,
    /// Run the tour.
    Tour,
}

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Press {
    /// The keys are about this node, counted from 0.
    Choose(usize),
    /// Do it.
    Do(Act),
    /// Show or hide what the keys mean.
    Help,
    /// End the demo.
    Quit,
    /// Nothing.
    Nothing,
}

/// Returns what a key means on a farm of so many nodes.
pub(crate) fn press(key: char, nodes: usize) -> Press {
    let digit = key.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
    if let Some(node) = digit.and_then(|digit| digit.checked_sub(1)).filter(|node| *node < nodes) {
        return Press::Choose(node);
    }
    match key.to_ascii_lowercase() {
        'k' => Press::Do(Act::KillApplication),
        'a' => Press::Do(Act::KillAgent),
        'f' => Press::Do(Act::Freeze),
        'x' => Press::Do(Act::Stop),
        's' => Press::Do(Act::Start),
        'c' => Press::Do(Act::Power),
        't' => Press::Do(Act::Tour),
        '?' | 'h' => Press::Help,
        'q' => Press::Quit,
        _ => Press::Nothing,
    }
}

/// The last line of the screen, which fits into 80 columns.
pub(crate) const LINE: &str =
    "1-8 node  k kill app  a kill agent  f freeze  x stop  s start  c cut  ? help  q";

/// What `?` shows; it fits into 78 columns, and under the table of eight nodes on 24 lines.
pub(crate) const HELP: [&str; 7] = [
    "1..8  choose the node that the other keys are about     t  run or end the tour",
    "k  kill the application: errd notices it and runs stop_both and start_both",
    "a  kill the agent: the guardian starts the next one, the application goes on",
    "f  freeze guardian and agent, or let them go on: the health answer is missing",
    "x  safekit stop: clients are drained first            s  safekit start",
    "c  cut the power: agent, guardian and application die; again: switch it on",
    "   (one cable cannot be cut on loopback)    ?  hide this    q  quit and clean",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_means_one_thing() {
        let table = [
            ('1', Press::Choose(0)),
            ('3', Press::Choose(2)),
            ('4', Press::Nothing),
            ('0', Press::Nothing),
            ('9', Press::Nothing),
            ('k', Press::Do(Act::KillApplication)),
            ('K', Press::Do(Act::KillApplication)),
            ('a', Press::Do(Act::KillAgent)),
            ('f', Press::Do(Act::Freeze)),
            ('x', Press::Do(Act::Stop)),
            ('s', Press::Do(Act::Start)),
            ('c', Press::Do(Act::Power)),
            ('t', Press::Do(Act::Tour)),
            ('?', Press::Help),
            ('q', Press::Quit),
            ('Q', Press::Quit),
            (' ', Press::Nothing),
            ('\u{1b}', Press::Nothing),
        ];
        for (key, expected) in table {
            assert_eq!(press(key, 3), expected, "{key:?}");
        }
        assert_eq!(press('8', 8), Press::Choose(7));
    }

    #[test]
    fn the_line_of_keys_fits_and_the_help_names_each() {
        assert!(LINE.chars().count() <= 80, "{}", LINE.chars().count());
        assert!(HELP.iter().all(|line| line.chars().count() <= 78), "too wide");
        for key in ["k ", "a ", "f ", "x ", "s ", "c ", "t ", "? ", "q "] {
            assert!(
                HELP.iter().any(|line| line.starts_with(key) || line.contains(&format!("  {key}"))),
                "{key}"
            );
        }
    }
}
