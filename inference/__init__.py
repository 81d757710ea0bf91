"""Models: one protocol, llama.cpp behind it, adapters to LangChain, a scripted one for tests."""
