import Base
import TestSupport
import Tokenizers

/// The published Qwen3.5 tokenizer (248,077 tokens), unpacked from its compact fixture into the document it ships as.
enum RealVocabulary {
  static let pattern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  private static let special = """
    <|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|>
    <|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>
    """
  private static let plain = """
    <tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|>
    <tool_response> </tool_response> <think> </think>
    """
  private static let audio = """
    <|audio_start|> <|audio_end|> <tts_pad> <tts_text_bos> <tts_text_eod> <tts_text_bos_single> <|audio_pad|>
    """

  static let document: Result<OrderedJSON, any Error> = Result { try unpack() }

  static let tokenizer: Result<Tokenizer, any Error> = Result {
    try Tokenizer(tokenizerJSON: document.get())
  }

  private static func unpack() throws -> OrderedJSON {
    // Visible Latin-1 stands for itself, the other bytes for the characters from U+0100 on.
    var next: UInt32 = 256
    let characters = (UInt32(0)..<256).map { byte in
      if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) { return byte }
      defer { next += 1 }
      return next
    }
    func spell(_ bytes: ArraySlice<UInt8>) -> String {
      var text = String.UnicodeScalarView()
      for byte in bytes { if let scalar = Unicode.Scalar(characters[Int(byte)]) { text.append(scalar) } }
      return String(text)
    }
    let packed = try Fixtures.bytes("golden/tokenizer/qwen3.5.vocabulary")
    var vocab = OrderedObject()
    var merges: [OrderedJSON] = []
    var position = 0
    while position < packed.count {
      let start = position + 2
      let end = start + Int(packed[position])
      let middle = start + Int(packed[position + 1])
      vocab.append(spell(packed[start..<end]), .integer(Int64(vocab.entries.count)))
      if middle > start {
        merges.append(.array([.string(spell(packed[start..<middle])), .string(spell(packed[middle..<end]))]))
      }
      position = end
    }
    var added: [OrderedJSON] = []
    for (list, isSpecial) in [(special, true), (plain, false), (audio, true)] {
      for content in list.split(whereSeparator: \.isWhitespace) {
        added.append(
          .object([
            "id": .integer(Int64(vocab.entries.count + added.count)), "content": .string(String(content)),
            "special": .bool(isSpecial), "normalized": .bool(false),
          ]))
      }
    }
    return document(vocab: vocab, merges: merges, added: added)
  }

  /// A document in the form of the published one.
  static func document(
    vocab: OrderedObject, merges: [OrderedJSON], added: [OrderedJSON] = [], pattern: String = pattern,
    normalizer: OrderedJSON = .object(["type": .string("NFC")])
  ) -> OrderedJSON {
    .object([
      "added_tokens": .array(added), "normalizer": normalizer,
      "pre_tokenizer": .object([
        "type": .string("Sequence"),
        "pretokenizers": .array([
          .object([
            "type": .string("Split"), "pattern": .object(["Regex": .string(pattern)]),
            "behavior": .string("Isolated"), "invert": .bool(false),
          ]),
          .object([
            "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "use_regex": .bool(false),
          ]),
        ]),
      ]),
      "decoder": .object(["type": .string("ByteLevel")]),
      "model": .object(["type": .string("BPE"), "vocab": .object(vocab), "merges": .array(merges)]),
    ])
  }
}
