//! The grammar of the command line.

xflags::xflags! {
    /// The workspace's own commands.
    cmd xtask {
        /// Everything that has to hold on the main branch, cheapest first.
        cmd ci {}

        /// Format the code; with `--check`, only say what would change.
        cmd fmt {
            /// Change nothing; fail if something would change.
            optional --check
        }

        /// Check the layers, the homes of unsafe code, and what every published crate must have.
        cmd layers {}

        /// Look for misspelt words, by typos.
        cmd typos {}

        /// Look for dependencies that nobody uses (cargo-shear), and for licences and sources that we do not want and
        /// crates that are known to be broken (cargo-deny).
        cmd deps {}

        /// Look for mistakes in the workflows (actionlint) and for ways to abuse them (zizmor).
        cmd workflows {}

        /// Clippy on every target, warnings refused.
        cmd lint {}

        /// Unit, integration and documentation tests.
        cmd test {
            /// Only this crate.
            optional -p, --package package: String
        }

        /// Check the facade with each of its features alone, and the downloader with all of its own.
        cmd features {}

        /// Build the documentation as docs.rs does; refuse broken links, public items without an example, and futures
        /// of which it is not said what becomes of them when they are dropped.
        cmd docs {
            /// Show it in a browser.
            optional --open
        }

        /// Every interleaving of every `tests/races.rs` that loom can model.
        cmd loom {
            /// Only this crate.
            optional -p, --package package: String
        }

        /// Thousands of random schedules of every `tests/races.rs` and `tests/crowd.rs`, by shuttle.
        cmd shuttle {
            /// Only this crate.
            optional -p, --package package: String
            /// How many schedules of each test; 10,000 unless told.
            optional --schedules count: usize
        }

        /// The tests of the crates with a `tests/crowd.rs` under AddressSanitizer; skipped where there is no nightly.
        cmd asan {
            /// Only this crate.
            optional -p, --package package: String
        }

        /// Feed the readers of headers what a fuzzer thinks of; skipped where there is no nightly or no cargo-fuzz.
        cmd fuzz {
            /// For how long; a minute unless told.
            optional --seconds count: u64
        }

        /// Thousands of scopes that end in every way at once, on several threads: no clean-up is left behind. And
        /// millions of random operations on time locks, beside an oracle.
        cmd stress {
            /// How many scopes; 16,000 unless told. `test` does with fewer.
            optional --scopes count: usize
        }

        /// Break the code on purpose, each way that a `tests/mutations.txt` lists: a test has to fail each time.
        cmd mutants {
            /// Only the mutations whose description contains this.
            optional only: String
            /// Only this crate.
            optional -p, --package package: String
            /// Build nothing: only see that every mutation still finds its text.
            optional --check
        }

        /// Run the crates that contain unsafe code under Miri; skipped where Miri is not installed.
        cmd miri {
            /// Only this crate.
            optional -p, --package package: String
        }

        /// Check with the oldest supported compiler; skipped where that is not installed.
        cmd msrv {}

        /// Compare with other crates: same work, side by side, ratios, no verdict.
        cmd bench {
            /// Only the scenarios whose id starts so (`semaphore`, `event/wake`); `memory` weighs only; `time-lock` is
            /// a comparison of its own, with clients of servers that refuse.
            optional scenario: String
            /// How many rounds.
            optional --rounds rounds: usize
            /// Check everybody's work, time nothing.
            optional --smoke
            /// Count no instructions.
            optional --no-count
            /// Write docs/BENCHMARKS.md anew, or the time lock's section of it.
            optional --write
        }

        /// Start a crate from the template.
        cmd new {
            /// Its name: tidegate-<thing>.
            required name: String
        }

        /// Publish every crate, in order. Say which: the rehearsal or the real thing.
        cmd release {
            /// Package and check, upload nothing.
            optional --dry-run
            /// Upload.
            optional --execute
        }
    }
}
