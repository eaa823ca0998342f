// How it works
//
// The text of each page is in guide/*.md, where it is read on GitHub as well. There the definitions at its end lead to
// docs.rs; here those of guide/links.txt come first and win, so that rustdoc checks every name. tests/it/guide.rs sees
// that both lead to the same places. Nothing of this is compiled but for documentation and its tests.

//! # The guide
#![doc = include_str!("guide/links.txt")]
#![doc = include_str!("guide/README.md")]

/// A page: a module without anything in it.
macro_rules! page {
    ($name:ident, $text:literal $(, $alias:literal)*) => {
        $(#[doc(alias = $alias)])*
        #[doc = include_str!("guide/links.txt")]
        #[cfg_attr(all(unix, feature = "process"), doc = include_str!("guide/links_process.txt"))]
        #[doc = include_str!($text)]
        pub mod $name {}
    };
}

// Who searches the documentation for a word of asyncio that is called something else here finds the page.
#[rustfmt::skip]
page!(
    asyncio, "guide/asyncio.md",
    "AbstractChildWatcher", "AbstractEventLoop", "AbstractEventLoopPolicy", "AbstractServer", "ALL_COMPLETED",
    "all_tasks", "BaseEventLoop", "BaseProtocol", "BaseTransport", "BoundedSemaphore", "BrokenBarrierError",
    "BufferedProtocol", "CancelledError", "create_subprocess_exec", "create_subprocess_shell", "create_task",
    "current_task", "DatagramProtocol", "DatagramTransport", "DefaultEventLoopPolicy", "ensure_future",
    "FastChildWatcher", "FIRST_COMPLETED", "FIRST_EXCEPTION", "Future", "get_child_watcher", "get_event_loop",
    "get_event_loop_policy", "get_running_loop", "Handle", "IncompleteReadError", "InvalidStateError",
    "iscoroutine", "iscoroutinefunction", "isfuture", "LimitOverrunError", "MultiLoopChildWatcher",
    "new_event_loop", "open_connection", "open_unix_connection", "PidfdChildWatcher", "Protocol", "QueueEmpty",
    "QueueFull", "ReadTransport", "run", "SafeChildWatcher", "SelectorEventLoop", "SendfileNotAvailableError",
    "Server", "set_child_watcher", "set_event_loop", "set_event_loop_policy", "sleep", "start_server",
    "start_unix_server", "StreamReader", "StreamReaderProtocol", "StreamWriter", "SubprocessProtocol",
    "SubprocessTransport", "ThreadedChildWatcher", "TimeoutError", "Transport", "wait_for", "wrap_future",
    "WriteTransport", "PIPE", "STDOUT", "DEVNULL"
);
page!(choosing, "guide/choosing.md");
page!(cancellation, "guide/cancellation.md");
page!(deadlines, "guide/deadlines.md");
page!(testing, "guide/testing.md");
page!(performance, "guide/performance.md");

// Its links are files of the repository, some of which are called as functions are.
#[doc = include_str!("guide/programs.md")]
pub mod programs {}
