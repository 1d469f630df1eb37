"""The two ways to wait for an answer: each turns the function that describes a call into a method that makes it."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from jinba_mcp.client.calls import Call, Page

P = ParamSpec("P")
T = TypeVar("T")


class Asks(Protocol):
    """Whatever blocks until a call is answered."""

    def ask(self, call: Call[T]) -> T: ...


class AsksLater(Protocol):
    """Whatever awaits the answer to a call."""

    async def ask(self, call: Call[T]) -> T: ...


class Noun:
    """A group of the blocking client's methods."""

    def __init__(self, client: Asks) -> None:
        self._client = client

    def ask(self, call: Call[T]) -> T:
        return self._client.ask(call)


class AsyncNoun:
    """A group of the asynchronous client's methods."""

    def __init__(self, client: AsksLater) -> None:
        self._client = client

    async def ask(self, call: Call[T]) -> T:
        return await self._client.ask(call)


class Now(Generic[P, T]):
    """A method that blocks and returns the answer."""

    def __init__(self, describe: Callable[P, Call[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    def __get__(self, noun: Asks, _: type[Any]) -> Callable[P, T]:
        @wraps(self._describe)
        def answered(*args: P.args, **kwargs: P.kwargs) -> T:
            return noun.ask(self._describe(*args, **kwargs))

        return answered


class Later(Generic[P, T]):
    """A method to await."""

    def __init__(self, describe: Callable[P, Call[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    def __get__(self, noun: AsksLater, _: type[Any]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(self._describe)
        async def answered(*args: P.args, **kwargs: P.kwargs) -> T:
            return await noun.ask(self._describe(*args, **kwargs))

        return answered


class EachNow(Generic[P, T]):
    """A method that gives the items of a list, fetching page after page as they are asked for."""

    def __init__(self, describe: Callable[P, Call[Page[T]]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    def __get__(self, noun: Asks, _: type[Any]) -> Callable[P, Iterator[T]]:
        @wraps(self._describe)
        def items(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            call: Call[Page[T]] | None = self._describe(*args, **kwargs)
            while call is not None:
                page = noun.ask(call)
                yield from page["data"]
                call = call.following(page)

        return items


class EachLater(Generic[P, T]):
    """`EachNow`, for `async for`."""

    def __init__(self, describe: Callable[P, Call[Page[T]]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    def __get__(self, noun: AsksLater, _: type[Any]) -> Callable[P, AsyncIterator[T]]:
        @wraps(self._describe)
        async def items(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
            call: Call[Page[T]] | None = self._describe(*args, **kwargs)
            while call is not None:
                page = await noun.ask(call)
                for item in page["data"]:
                    yield item
                call = call.following(page)

        return items
