//! Reads what `systemctl show` prints: a block of NAME=VALUE lines for each unit, an empty line between two of them.

/// What systemd says of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its own name.
    pub(super) id: String,
    /// All its names, aliases too.
    names: Vec<String>,
    pub(super) load: String,
    pub(super) active: String,
    pub(super) sub: String,
    /// Its main process, where it has one.
    pub(super) main_pid: Option<u32>,
    /// Whether it is being started, stopped or restarted by somebody.
    pub(super) has_job: bool,
}

impl Unit {
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.id == name || self.names.iter().any(|known| known == name)
    }
}

/// Reads all units. `whole`: nothing is cut off at the end; otherwise the last block is not believed.
pub(super) fn units(text: &str, whole: bool) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut block: Vec<&str> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some("") => {
                units.extend(unit(&block));
                block.clear();
            }
            Some(line) => block.push(line),
            None if whole => block.push(line),
            None => {}
        }
    }
    if whole {
        units.extend(unit(&block));
    }
    units
}

/// Reads a block; `None` where it does not say what there is to know.
fn unit(block: &[&str]) -> Option<Unit> {
    let value = |name: &str| {
        let lines = block.iter().filter_map(|line| line.split_once('='));
        lines.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let number = |name: &str| value(name).and_then(|text| text.parse().ok()).filter(|it| *it != 0);
    Some(Unit {
        id: value("Id")?.to_owned(),
        names: value("Names").unwrap_or_default().split(' ').map(str::to_owned).collect(),
        load: value("LoadState")?.to_owned(),
        active: value("ActiveState")?.to_owned(),
        sub: value("SubState").unwrap_or_default().to_owned(),
        main_pid: number("MainPID"),
        has_job: number("Job").is_some(),
    })
}
