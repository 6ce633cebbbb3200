using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

public sealed class EnvironmentTests(ModuleSession session) : IClassFixture<ModuleSession>
{
    [Theory]
    [InlineData("PowerShell")]
    [InlineData("Native libraries")]
    [InlineData("Torch")]
    [InlineData("ONNX Runtime")]
    public void WhatTheModuleNeedsWorks(string check)
    {
        PSObject row = session.Run("Test-ZipLMEnvironment").Single(row => (string)row.Properties["Check"].Value == check);
        Assert.Equal("ZipLM.EnvironmentCheck", row.BaseObject.GetType().FullName);
        Assert.Equal("Passed", row.Properties["Status"].Value.ToString());
        Assert.NotEmpty((string)row.Properties["Detail"].Value);
    }

    [Fact]
    public void EveryRowThatDidNotPassSaysWhatToDo() =>
        Assert.All(
            session.Run("Test-ZipLMEnvironment | Where-Object Status -ne Passed"),
            row => Assert.NotEmpty((string)row.Properties["Remedy"].Value));

    [Fact]
    public void OneCopyOfTheSharedTypesIsLoadedInAllLoadContexts()
    {
        session.Run("Test-ZipLMEnvironment");
        Assert.Single(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.GetName().Name == "ZipLM.Abstractions");
        Assert.Single(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.GetName().Name == "ZipLM.Engine");
    }
}
