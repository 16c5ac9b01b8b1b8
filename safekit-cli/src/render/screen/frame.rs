//! A drawn view: lines of text with a style each, as plain text or with the colours of a terminal.

/// How a piece of text looks. Colour never says what the text does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    #[default]
    Plain,
    /// Headlines.
    Strong,
    /// Of lesser weight.
    Faint,
    /// As it should be.
    Good,
    /// On its way, or stopped by will.
    Between,
    /// Not as it should be.
    Bad,
    /// What keys do.
    Key,
}

impl Style {
    /// Returns the parameters of "select graphic rendition" (ECMA-48).
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Between => "33",
            Self::Bad => "31;1",
            Self::Key => "7",
        }
    }
}

/// A line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pieces: Vec<(String, Style)>,
}

impl Line {
    /// Makes a line of one piece.
    pub(super) fn new(text: String, style: Style) -> Self {
        Self { pieces: vec![(text, style)] }
    }

    /// Adds a piece.
    pub(super) fn push(&mut self, text: &str, style: Style) {
        self.pieces.push((text.to_owned(), style));
    }

    /// Returns how many places it takes.
    pub(super) fn width(&self) -> usize {
        self.pieces.iter().map(|(text, _)| text.chars().count()).sum()
    }

    /// Returns the line, cut where it is too wide; `..` says so.
    pub(super) fn clipped(mut self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mark = columns.min(2);
        let mut left = columns - mark;
        for (text, _) in &mut self.pieces {
            *text = text.chars().take(left).collect();
            left -= text.chars().count();
        }
        self.push(&".".repeat(mark), Style::Plain);
        self
    }

    /// Adds the pieces of another line.
    pub(super) fn append(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
    }

    /// Returns the line without empty places at its end.
    pub(super) fn trimmed(mut self) -> Self {
        while let Some((text, _)) = self.pieces.last_mut() {
            text.truncate(text.trim_end().len());
            if !text.is_empty() {
                break;
            }
            self.pieces.pop();
        }
        self
    }

    fn plain(&self) -> String {
        self.pieces.iter().map(|(text, _)| text.as_str()).collect()
    }

    fn coloured(&self) -> String {
        let piece = |(text, style): &(String, Style)| match style.code() {
            "" => text.clone(),
            code => format!("\x1b[{code}m{text}\x1b[0m"),
        };
        self.pieces.iter().map(piece).collect()
    }
}

/// A drawn view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    lines: Vec<Line>,
}

impl Frame {
    pub(super) fn new(lines: Vec<Line>) -> Self {
        Self { lines }
    }

    /// Returns its lines with an end each, without any style.
    #[must_use]
    pub fn plain(&self) -> String {
        self.lines.iter().map(|line| format!("{}\n", line.plain().trim_end())).collect()
    }

    /// Returns what draws it over an earlier frame on a screen of so many lines, with or without colours: every line
    /// goes to its place, the others are cleared, nothing scrolls.
    #[must_use]
    pub fn drawing(&self, colours: Colours, lines: usize) -> String {
        let empty = Line::default();
        let shown = self.lines.iter().chain(std::iter::repeat(&empty)).take(lines).enumerate();
        let draw = |(number, line): (usize, &Line)| {
            let text = match colours {
                Colours::On => line.coloured(),
                Colours::Off => line.plain(),
            };
            // Cleared first: a terminal that waits behind its last column would clear that column otherwise.
            format!("\x1b[{};1H\x1b[2K{text}", number + 1)
        };
        shown.map(draw).collect()
    }
}

/// Whether a frame has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// It has.
    On,
    /// The user does not want them (variable `NO_COLOR`).
    Off,
}
