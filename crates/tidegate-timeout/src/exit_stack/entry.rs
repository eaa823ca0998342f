use std::any::{Any, TypeId};
use std::pin::Pin;

use crate::context::{AsyncContext, Exit};
use crate::exit_errors::BoxError;

pub(super) type Leaving = Pin<Box<dyn Future<Output = Result<(), Box<dyn Failed>>> + Send>>;

/// One thing on a stack.
pub(super) trait Entry: Send {
    fn leave(self: Box<Self>, why: Exit) -> Leaving;

    /// What it lends to the body.
    fn guard(&mut self) -> Option<&mut dyn Any> {
        None
    }
}

/// What an exit said that failed.
pub(super) trait Failed: Send {
    fn into_error(self: Box<Self>) -> BoxError;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn has_type(&self, id: TypeId) -> bool;
    fn unreported(self: Box<Self>);
}

struct OfContext<C: AsyncContext>(C::Error);

impl<C: AsyncContext<Error: Into<BoxError>>> Failed for OfContext<C> {
    fn into_error(self: Box<Self>) -> BoxError {
        self.0.into()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.0)
    }

    fn has_type(&self, id: TypeId) -> bool {
        id == TypeId::of::<C::Error>()
    }

    fn unreported(self: Box<Self>) {
        C::unreported(self.0);
    }
}

struct OfPushed<X>(X);

impl<X: Into<BoxError> + Send + 'static> Failed for OfPushed<X> {
    fn into_error(self: Box<Self>) -> BoxError {
        self.0.into()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.0)
    }

    fn has_type(&self, id: TypeId) -> bool {
        id == TypeId::of::<X>()
    }

    fn unreported(self: Box<Self>) {}
}

pub(super) async fn leave<C: AsyncContext<Error: Into<BoxError>>>(
    guard: C::Guard,
    why: Exit,
) -> Result<(), Box<dyn Failed>> {
    let left = C::exit(guard, why).await;
    left.map_err(|error| -> Box<dyn Failed> { Box::new(OfContext::<C>(error)) })
}

pub(super) struct Entered<C: AsyncContext> {
    pub(super) guard: C::Guard,
}

impl<C: AsyncContext<Error: Into<BoxError>>> Entry for Entered<C> {
    fn leave(self: Box<Self>, why: Exit) -> Leaving {
        Box::pin(async move { leave::<C>(self.guard, why).await })
    }

    fn guard(&mut self) -> Option<&mut dyn Any> {
        Some(&mut self.guard)
    }
}

pub(super) struct Deferred<F> {
    pub(super) clean_up: F,
}

impl<F, Fut> Entry for Deferred<F>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn leave(self: Box<Self>, _: Exit) -> Leaving {
        Box::pin(async move {
            (self.clean_up)().await;
            Ok(())
        })
    }
}

pub(super) struct Pushed<F> {
    pub(super) exit: F,
}

impl<F, Fut, X> Entry for Pushed<F>
where
    F: FnOnce(Exit) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), X>> + Send + 'static,
    X: Into<BoxError> + Send + 'static,
{
    fn leave(self: Box<Self>, why: Exit) -> Leaving {
        Box::pin(async move {
            let left = (self.exit)(why).await;
            left.map_err(|error| -> Box<dyn Failed> { Box::new(OfPushed(error)) })
        })
    }
}
