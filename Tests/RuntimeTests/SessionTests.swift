import Runtime
import Testing

@Suite("Sessions")
struct SessionTests {
  @Test("Room is made for the prompt and what might come, within bounds")
  func capacity() {
    #expect(Session.capacity(prompt: 10, limit: 100_000_000) == 522)
    #expect(Session.capacity(prompt: 10, limit: 5) == 15)
  }
}
