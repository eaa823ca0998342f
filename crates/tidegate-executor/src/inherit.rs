use tidegate_timeout::Vars;

/// What a job takes along from where it is asked for, beside the scope and the runtime.
pub(crate) struct Inherited {
    vars: Vars,
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl Inherited {
    /// What there is here and now.
    pub(crate) fn here() -> Self {
        Self {
            vars: Vars::current(),
            #[cfg(feature = "tracing")]
            span: tracing::Span::current(),
        }
    }

    /// Runs `f` as if it were there.
    pub(crate) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        #[cfg(feature = "tracing")]
        let _span = self.span.enter();
        self.vars.enter(f)
    }
}
