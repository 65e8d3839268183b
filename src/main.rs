//! The program: everything it does is in the library.

/// musl's own allocator asks the kernel for memory a page at a time, a third of the cost of a start that has
/// nothing to do.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() {
    // Not by an `ExitCode`: a status has 32 bits on Windows, and a server's is handed on.
    #[allow(clippy::disallowed_methods)]
    std::process::exit(plugdeps::cli::main())
}
