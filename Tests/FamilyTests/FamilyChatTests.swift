import Base
import Containers
import Foundation
import Runtime
import TestSupport
import Testing
import Tokenizers

@Suite("Families, spoken to")
struct FamilyChatTests {
  private struct Golden {
    let messages: [String]
    let prompt: String
    let conversation: String

    init(_ family: FamilyGolden) throws {
      let json = try Fixtures.json("golden/chat.json")
      messages = try #require(json["messages"]?.arrayValue).compactMap(\.stringValue)
      let own = try #require(json["families"]?[family.name])
      prompt = try #require(own["prompt"]?.stringValue)
      conversation = try #require(own["conversation"]?.stringValue)
    }
  }

  @Test("A prompt is what the model's template renders", arguments: FamilyGolden.all)
  func prompt(family: FamilyGolden) throws {
    let golden = try Golden(family)
    let opened = try OpenedModel(family.model)
    let written = try ChatFormat.userTurn(golden.messages[0], for: opened.checkpoint)
    #expect(
      try opened.promptTokens(golden.messages[0], raw: false) == opened.tokenizer.encode(golden.prompt),
      "\(family.name): \(written)")
  }

  @Test("So is a conversation", arguments: FamilyGolden.all)
  func conversation(family: FamilyGolden) throws {
    let golden = try Golden(family)
    let opened = try OpenedModel(family.model)
    let roles = ["user", "assistant", "user"]
    let messages = zip(roles, golden.messages).map { ChatMessage(role: $0, content: $1) }
    let turns = try ChatFormat.turns(messages, for: opened.checkpoint)
    let text = turns.map { $0.opening + $0.content + $0.ending }.joined()
    let beginning = opened.tokenizer.beginning.map { opened.tokenizer.decode([$0]) } ?? ""
    #expect(
      text == (golden.conversation.hasPrefix(beginning) ? golden.conversation.dropFirst(beginning.count)[...] : ""))
  }

  @Test(
    "A template that is not one of the family's is refused, and plain prompts are offered", arguments: FamilyGolden.all)
  func unknown(family: FamilyGolden) throws {
    let folder = try TemporaryFolder()
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: family.path("model/\(name)"))
    }
    try Data("{{ 'USER: ' + messages[0].content + ' ASSISTANT:' }}".utf8).write(
      to: URL(filePath: folder.file("chat_template.jinja")))
    let error = #expect(throws: CheckpointError.self) {
      try ChatFormat.userTurn("Hi", for: Containers.open(folder.path))
    }
    #expect(error?.code == .unsupported && error?.message.contains("unknown") == true)
    #expect(error?.remedy == .givePlainPrompt)
  }
}
