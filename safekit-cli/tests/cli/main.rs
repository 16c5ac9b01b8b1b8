//! The command against an agent that gives prepared answers: what it asks, what it prints, how it exits.

#[cfg(test)]
mod fake_agent;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod stories;
