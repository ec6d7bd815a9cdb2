//! Old names for glibc's functions, so that the module loads where glibc is older than the one it
//! was linked against.
//!
//! A linker binds each function of glibc to its newest version. Some got a new one only because
//! they moved between glibc's libraries, in 2.34, and with them a module would refuse to load on
//! every system before. Nothing but the version is new, so here each is defined, hidden, as a jump
//! to its first version, which glibc keeps for ever; what Rust's standard library calls then ends
//! up there. With these the module needs glibc 2.28, as the wheels of NumPy and SciPy do
//! (`manylinux_2_28`), without a second compiler or sysroot.
//!
//! `tests/test_wheel.py` names what is too new when the standard library calls one more: add it to
//! the table.

/// Defines functions as jumps to the version named.
macro_rules! versions {
    ($($function:ident $version:literal;)*) => {
        $(define!(
            stringify!($function),
            [concat!(".symver foldstat_", stringify!($function), ", ", stringify!($function), "@", $version)],
            [jump!(stringify!($function))]
        );)*
    };
}

/// Defines a hidden function in a section of its own, which goes when nothing calls it.
macro_rules! define {
    ($name:expr, [$($directive:expr),*], [$($instruction:expr),*]) => {
        std::arch::global_asm!(
            $($directive,)*
            concat!(".pushsection .text.glibc.", $name, ", \"ax\", %progbits"),
            ".p2align 4",
            concat!(".globl ", $name),
            concat!(".hidden ", $name),
            concat!(".type ", $name, ", %function"),
            concat!($name, ":"),
            $($instruction,)*
            concat!(".size ", $name, ", . - ", $name),
            ".popsection",
        );
    };
}

#[cfg(target_arch = "x86_64")]
mod table {
    macro_rules! jump {
        ($name:expr) => {
            concat!("jmp foldstat_", $name, "@PLT")
        };
    }

    versions! {
        dlsym "GLIBC_2.2.5";
        log "GLIBC_2.2.5";
        pthread_attr_getguardsize "GLIBC_2.2.5";
        pthread_attr_getstack "GLIBC_2.2.5";
        pthread_attr_setstacksize "GLIBC_2.2.5";
        pthread_create "GLIBC_2.2.5";
        pthread_detach "GLIBC_2.2.5";
        pthread_key_create "GLIBC_2.2.5";
        pthread_key_delete "GLIBC_2.2.5";
        pthread_getattr_np "GLIBC_2.2.5";
        pthread_setname_np "GLIBC_2.12";
        pthread_setspecific "GLIBC_2.2.5";
    }

    // Before 2.33 these two were macros around functions with one more argument, the version of
    // `struct stat`, in front.
    define!(
        "stat64",
        [".symver foldstat_xstat64, __xstat64@GLIBC_2.2.5"],
        ["mov rdx, rsi", "mov rsi, rdi", "mov edi, 1", jump!("xstat64")]
    );
    define!(
        "fstat64",
        [".symver foldstat_fxstat64, __fxstat64@GLIBC_2.2.5"],
        ["mov rdx, rsi", "mov esi, edi", "mov edi, 1", jump!("fxstat64")]
    );
    // Before 2.30 there was the system call alone.
    define!("gettid", [], ["mov eax, 186", "syscall", "ret"]);
}

#[cfg(target_arch = "aarch64")]
mod table {
    macro_rules! jump {
        ($name:expr) => {
            concat!("b foldstat_", $name)
        };
    }

    versions! {
        dlsym "GLIBC_2.17";
        log "GLIBC_2.17";
        pthread_attr_getguardsize "GLIBC_2.17";
        pthread_attr_getstack "GLIBC_2.17";
        pthread_attr_setstacksize "GLIBC_2.17";
        pthread_create "GLIBC_2.17";
        pthread_detach "GLIBC_2.17";
        pthread_key_create "GLIBC_2.17";
        pthread_key_delete "GLIBC_2.17";
        pthread_getattr_np "GLIBC_2.17";
        pthread_setname_np "GLIBC_2.17";
        pthread_setspecific "GLIBC_2.17";
    }

    // Before 2.33 these two were macros around functions with one more argument, the version of
    // `struct stat`, in front.
    define!(
        "stat64",
        [".symver foldstat_xstat64, __xstat64@GLIBC_2.17"],
        ["mov x2, x1", "mov x1, x0", "mov w0, wzr", jump!("xstat64")]
    );
    define!(
        "fstat64",
        [".symver foldstat_fxstat64, __fxstat64@GLIBC_2.17"],
        ["mov x2, x1", "mov w1, w0", "mov w0, wzr", jump!("fxstat64")]
    );
    // Before 2.30 there was the system call alone.
    define!("gettid", [], ["mov x8, #178", "svc #0", "ret"]);
}
