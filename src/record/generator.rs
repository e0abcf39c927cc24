//! The generators of a run: which slots of the load each had, on what machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::slots::Slots;

/// The place of a generator in the record's table of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
pub struct GeneratorId(pub u16);

impl GeneratorId {
    /// The index for a slice.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Whether it is the first one, which is mostly the only one.
    pub fn is_first(&self) -> bool {
        self.0 == 0
    }
}

/// A generator as the record knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorHead {
    /// What it is called, where several shared the load.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Which part of the load it carried out.
    pub slots: Slots,
    /// Its machine and how it measures.
    pub environment: Environment,
}

impl GeneratorHead {
    /// One that has the load to itself.
    pub fn alone(environment: Environment) -> GeneratorHead {
        let slots = Slots::all(environment.workers as usize);
        GeneratorHead { name: String::new(), slots, environment }
    }
}

/// A generator that did not carry out its part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lost {
    /// Which one.
    pub generator: GeneratorId,
    /// What became of it.
    pub detail: String,
    /// How many of its requests are counted as unsent, or as without an answer, where the run went on
    /// without it and is judged with them (`--lost unsent`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<u64>,
}

/// The machine and how it measures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// Version of loadgate.
    pub loadgate: String,
    /// Operating system and kernel.
    pub system: String,
    /// CPU model.
    pub cpu: String,
    /// Logical cores that loadgate may use.
    pub cores: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Worker threads.
    pub workers: u32,
    /// What waits for the next arrival: `timerfd` or `system-poll`.
    pub pacer: String,
    /// What stamps the end of a response: `kernel` (when its packet came), or `generator` (the
    /// generator's clock when it read it).
    pub receive_clock: String,
    /// The nice value of the worker threads, where the system let them go before other
    /// processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<i8>,
    /// How much of the machine's CPU time others used just before the target was started, in
    /// percent; known only where loadgate starts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_before: Option<u8>,
    /// What was found wanting before the first request.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Whether these can have been lost of so many.
pub(super) fn check_lost(lost: &[Lost], generators: usize) -> Result<(), String> {
    match lost.iter().find(|it| it.generator.index() >= generators) {
        Some(Lost { generator, .. }) => {
            Err(format!("generator {} was lost and is not there", generator.0))
        }
        None => Ok(()),
    }
}

/// The most generators that share a load.
const MAX_GENERATORS: usize = 10_000;

/// Whether generators can have shared a load so: each has slots of its own.
pub(super) fn check(generators: &[GeneratorHead]) -> Result<(), String> {
    let Some(first) = generators.first().filter(|_| generators.len() <= MAX_GENERATORS) else {
        return Err(format!("a run has between 1 and {MAX_GENERATORS} generators"));
    };
    let mut free = 0;
    for GeneratorHead { slots, .. } in generators {
        let end = slots.first.checked_add(slots.count);
        let is_apart = slots.first >= free && slots.of == first.slots.of;
        match end.filter(|end| is_apart && *end <= slots.of) {
            Some(end) => free = end,
            None => {
                return Err("generators that share slots, or have none of the load's".to_owned());
            }
        }
    }
    Ok(())
}
